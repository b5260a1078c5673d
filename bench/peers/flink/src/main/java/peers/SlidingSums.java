package peers;

import java.util.ArrayDeque;
import java.util.Iterator;

/** Four figures of a token in a sliding window: buckets of one step, and their total. */
final class SlidingSums {
    record Window(String name, long lengthMs, long stepMs) {
        /** Where the window begins at an instant: at a step. */
        long from(long asOf) {
            return floor(asOf - lengthMs);
        }

        long floor(long time) {
            return time - Math.floorMod(time, stepMs);
        }
    }

    static final class Sums {
        double volume;
        long buys;
        long sells;

        void add(Swap swap) {
            volume += swap.volume;
            if (swap.isBuy) buys++;
            else sells++;
        }

        void subtract(Sums other) {
            volume -= other.volume;
            buys -= other.buys;
            sells -= other.sells;
        }
    }

    private static final class Bucket {
        final long start;
        final Sums sums = new Sums();

        Bucket(long start) {
            this.start = start;
        }
    }

    private final Window window;

    /** In the order of time. */
    private final ArrayDeque<Bucket> buckets = new ArrayDeque<>();

    private final Sums total = new Sums();

    SlidingSums(Window window) {
        this.window = window;
    }

    /** The high is the highest event time so far. */
    void add(Swap swap, long high) {
        bucketOf(window.floor(swap.eventTime)).sums.add(swap);
        total.add(swap);
        expire(high);
    }

    private Bucket bucketOf(long start) {
        // Most swaps belong to one of the newest buckets.
        for (Iterator<Bucket> newest = buckets.descendingIterator(); newest.hasNext(); ) {
            Bucket bucket = newest.next();
            if (bucket.start == start) return bucket;
            if (bucket.start < start) break;
        }
        return insert(start);
    }

    private Bucket insert(long start) {
        Bucket added = new Bucket(start);
        ArrayDeque<Bucket> later = new ArrayDeque<>();
        while (!buckets.isEmpty() && buckets.peekLast().start > start) later.addFirst(buckets.pollLast());
        buckets.addLast(added);
        buckets.addAll(later);
        return added;
    }

    private void expire(long asOf) {
        long from = window.from(asOf);
        while (!buckets.isEmpty() && buckets.peekFirst().start < from) total.subtract(buckets.pollFirst().sums);
    }

    Sums at(long asOf) {
        expire(asOf);
        return total;
    }
}
