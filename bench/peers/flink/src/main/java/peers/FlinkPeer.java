package peers;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.util.List;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * The small job in Flink, to be measured beside swapstats: volume, trades, buys and sells in three windows, duplicates by id, lateness.
 * Heap state, no checkpoints. Arguments: brokers, topic, number of records. Prints {@code half} and {@code done} when so many records are
 * in the state, then reads one query from standard input and answers it, both as a line of JSON.
 */
public final class FlinkPeer {
    private static final int PARALLELISM = 2;
    private static final Duration LATENESS = Duration.ofSeconds(120);

    private FlinkPeer() {}

    public static void main(String[] args) throws Exception {
        runJob(args[0], args[1], Long.parseLong(args[2]));
        System.out.println("done");
        ObjectMapper json = new ObjectMapper();
        System.out.println(answer(json, json.readTree(System.in)));
        // Threads of the cluster may still run.
        System.exit(0);
    }

    private static void runJob(String brokers, String topic, long records) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(PARALLELISM);
        environment.getConfig().enableObjectReuse();
        KafkaSource<Swap> source =
                KafkaSource.<Swap>builder()
                        .setBootstrapServers(brokers)
                        .setTopics(topic)
                        .setStartingOffsets(OffsetsInitializer.earliest())
                        .setBounded(OffsetsInitializer.latest())
                        .setValueOnlyDeserializer(new SwapReader())
                        .build();
        WatermarkStrategy<Swap> watermarks =
                WatermarkStrategy.<Swap>forBoundedOutOfOrderness(LATENESS)
                        .withTimestampAssigner((swap, arrival) -> swap.eventTime);
        environment
                .fromSource(source, watermarks, "swaps")
                .keyBy(swap -> swap.token)
                .process(new TokenSums(records))
                .sinkTo(new DiscardingSink<>());
        environment.execute("swap statistics");
    }

    private static String answer(ObjectMapper json, JsonNode query) {
        long asOf = query.get("as_of").asLong();
        ObjectNode answer = json.createObjectNode();
        ObjectNode figures = answer.putObject("figures");
        for (JsonNode id : query.get("ids")) {
            TokenState token = TokenSums.FINAL.get(id.asText());
            if (token == null) continue;
            ObjectNode windows = figures.putObject(id.asText());
            List<SlidingSums.Sums> sums = token.at(asOf);
            for (int i = 0; i < sums.size(); i++) {
                SlidingSums.Sums one = sums.get(i);
                windows.putObject(TokenState.WINDOWS.get(i).name())
                        .put("volume_usd", one.volume)
                        .put("trades", one.buys + one.sells)
                        .put("buys", one.buys)
                        .put("sells", one.sells);
            }
        }
        return answer.toString();
    }
}
