package peers;

/** The fields of a swap that the job needs: a POJO of Flink, sent from the readers to the tokens. */
public class Swap {
    /** Chain and address, {@code 1:0xc02a...}. */
    public String token;

    /** Transaction and index of the log: with the chain of the token the default event id. */
    public String id;

    public long eventTime;
    public boolean isBuy;
    public double volume;
}
