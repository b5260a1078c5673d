package peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;

/** Reads a record by Jackson's pull parser, which is faster than its binding to objects. */
public class SwapReader extends AbstractDeserializationSchema<Swap> {
    private static final JsonFactory JSON = new JsonFactory();

    public SwapReader() {
        super(Swap.class);
    }

    @Override
    public Swap deserialize(byte[] record) throws IOException {
        Swap swap = new Swap();
        String chain = null;
        String token = null;
        String transaction = null;
        int logIndex = -1;
        try (JsonParser parser = JSON.createParser(record)) {
            parser.nextToken();
            for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
                JsonToken kind = parser.nextToken();
                switch (name) {
                    case "event_time" -> swap.eventTime = parser.getLongValue();
                    case "chain_id" -> chain = parser.getText();
                    case "token" -> token = parser.getText();
                    case "tx_hash" -> transaction = parser.getText();
                    case "log_index" -> logIndex = parser.getIntValue();
                    case "side" -> swap.isBuy = parser.getText().equals("buy");
                    case "amount_usd" -> swap.volume = Double.parseDouble(parser.getText());
                    default -> {
                        if (kind.isStructStart()) parser.skipChildren();
                    }
                }
            }
        }
        swap.token = chain + ":" + token;
        swap.id = transaction + ":" + logIndex;
        return swap;
    }
}
