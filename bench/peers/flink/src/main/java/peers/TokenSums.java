package peers;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Keeps the sums of each token. It has no output: the figures are asked for when the job has ended. */
final class TokenSums extends KeyedProcessFunction<String, Swap, Void> {
    /** Of all tokens, at the end. The local cluster runs in this process. */
    static final Map<String, TokenState> FINAL = new ConcurrentHashMap<>();

    private static final AtomicLong APPLIED = new AtomicLong();

    private final long records;
    private transient ValueState<TokenState> state;

    TokenSums(long records) {
        this.records = records;
    }

    @Override
    public void open(OpenContext context) {
        state = getRuntimeContext().getState(new ValueStateDescriptor<>("token", TokenState.class));
    }

    @Override
    public void processElement(Swap swap, Context context, Collector<Void> out) throws Exception {
        if (APPLIED.incrementAndGet() == records / 2) System.out.println("half");
        if (swap.eventTime < context.timerService().currentWatermark()) return;
        TokenState token = state.value();
        if (token == null) {
            token = new TokenState();
            state.update(token);
            context.timerService().registerEventTimeTimer(Long.MAX_VALUE);
        }
        token.apply(swap);
    }

    /** At the end of the stream. */
    @Override
    public void onTimer(long time, OnTimerContext context, Collector<Void> out) throws Exception {
        FINAL.put(context.getCurrentKey(), state.value());
    }
}
