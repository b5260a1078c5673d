package peers;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The state of a token. It lives on the heap and is changed in place. */
final class TokenState {
    static final List<SlidingSums.Window> WINDOWS =
            List.of(
                    new SlidingSums.Window("5m", 300_000, 5_000),
                    new SlidingSums.Window("1h", 3_600_000, 15_000),
                    new SlidingSums.Window("24h", 86_400_000, 60_000));

    private static final long HOUR_MS = 3_600_000;
    private static final long IDS_KNOWN_MS = 24 * HOUR_MS;

    private final List<SlidingSums> sums = WINDOWS.stream().map(SlidingSums::new).toList();

    /** Ids by the hour of their event time: a copy has the same. */
    private final Map<Long, Set<String>> ids = new HashMap<>();

    private long high;

    void apply(Swap swap) {
        high = Math.max(high, swap.eventTime);
        if (!idsOf(swap.eventTime / HOUR_MS).add(swap.id)) return;
        for (SlidingSums one : sums) one.add(swap, high);
    }

    private Set<String> idsOf(long hour) {
        Set<String> known = ids.get(hour);
        if (known != null) return known;
        ids.keySet().removeIf(other -> (other + 1) * HOUR_MS < high - IDS_KNOWN_MS);
        Set<String> added = new HashSet<>();
        ids.put(hour, added);
        return added;
    }

    /** In the order of the windows. */
    List<SlidingSums.Sums> at(long asOf) {
        return sums.stream().map(one -> one.at(asOf)).toList();
    }
}
