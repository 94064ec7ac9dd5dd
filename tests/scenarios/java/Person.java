// Drives the unmodified Java SDK io.github.centrifugal:centrifuge-java: a command a line on standard input, its words parted by
// tabs, and a JSON event a line on standard output, as js/client.mjs has them. Payloads are JSON.
//     connect URL TOKEN    token TOKEN    subscribe CHANNEL    publish TAG CHANNEL DATA    history TAG CHANNEL LIMIT
//     presence TAG CHANNEL    presence_stats TAG CHANNEL    rpc TAG METHOD DATA
import io.github.centrifugal.centrifuge.*;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

public class Person {
    private static Client client;
    private static TokenCallback asked; // for a token, which the line `token` brings

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null;)
            handle(line.split("\t", -1));
        System.exit(0);
    }

    private static void handle(String[] words) throws Exception {
        switch (words[0]) {
        case "connect" -> connect(words[1], words[2]);
        case "token" -> asked.Done(null, words[1]);
        case "subscribe" -> subscribe(words[1]);
        case "publish" -> client.publish(words[2], bytes(words[3]), answer(words[1], result -> "{}"));
        case "history" -> client.history(words[2], new HistoryOptions.Builder().withLimit(Integer.parseInt(words[3])).build(),
                                         answer(words[1], Person::history));
        case "presence" -> client.presence(words[2], answer(words[1], Person::presence));
        case "presence_stats" -> client.presenceStats(words[2], answer(words[1], r -> object("numClients", "" + r.getNumClients(),
                                                                                              "numUsers", "" + r.getNumUsers())));
        case "rpc" -> client.rpc(words[2], bytes(words[3]), answer(words[1], r -> object("data", text(r.getData()))));
        default -> throw new IllegalArgumentException(words[0]);
        }
    }

    // ---- the connection

    private static void connect(String url, String token) {
        Options options = new Options();
        options.setToken(token);
        options.setMinReconnectDelay(50);
        options.setMaxReconnectDelay(300);
        options.setTokenGetter(new ConnectionTokenGetter() {
            @Override public void getConnectionToken(ConnectionTokenEvent event, TokenCallback done) {
                asked = done;
                emit("token");
            }
        });
        client = new Client(url, options, new EventListener() {
            @Override public void onConnected(Client c, ConnectedEvent e) { emit("connected", "client", quoted(e.getClient())); }
            @Override public void onConnecting(Client c, ConnectingEvent e) { emit("connecting", "code", "" + e.getCode()); }
            @Override public void onDisconnected(Client c, DisconnectedEvent e) { emit("disconnected", "code", "" + e.getCode()); }
        });
        client.connect();
    }

    private static void subscribe(String channel) throws DuplicateSubscriptionException {
        client.newSubscription(channel, new SubscriptionEventListener() {
            @Override public void onSubscribed(Subscription s, SubscribedEvent e) {
                emit("subscribed", "channel", quoted(channel), "wasRecovering", "" + e.wasRecovering(), "recovered", "" + e.getRecovered());
            }
            @Override public void onPublication(Subscription s, PublicationEvent e) {
                emit("publication", "channel", quoted(channel), "data", text(e.getData()), "offset", "" + e.getOffset(), "info",
                     info(e.getInfo()), "tags", tags(e.getTags()));
            }
            @Override public void onUnsubscribed(Subscription s, UnsubscribedEvent e) {
                emit("unsubscribed", "channel", quoted(channel), "code", "" + e.getCode());
            }
        }).subscribe();
    }

    // ---- results as JSON

    private static <T> ResultCallback<T> answer(String tag, Function<T, String> result) {
        return (error, value) -> {
            if (error instanceof ReplyError reply)
                emit("result", "tag", tag, "error", object("code", "" + reply.getCode(), "message", quoted(reply.getMessage())));
            else if (error != null)
                emit("result", "tag", tag, "error", object("code", "0", "message", quoted(error.toString())));
            else
                emit("result", "tag", tag, "result", result.apply(value));
        };
    }

    private static String history(HistoryResult r) {
        String publications = r.getPublications().stream().map(p -> object("data", text(p.getData()), "offset", "" + p.getOffset(), "info",
                                                                            info(p.getInfo()))).collect(Collectors.joining(","));
        return object("publications", "[" + publications + "]", "offset", "" + r.getOffset(), "epoch", quoted(r.getEpoch()));
    }

    private static String presence(PresenceResult r) {
        return object("clients", r.getClients().entrySet().stream().map(e -> quoted(e.getKey()) + ":" + info(e.getValue()))
                                  .collect(Collectors.joining(",", "{", "}")));
    }

    private static String info(ClientInfo i) {
        return i == null ? "null" : object("user", quoted(i.getUser()), "client", quoted(i.getClient()));
    }

    private static String tags(Map<String, String> tags) {
        return tags == null ? "{}" : tags.entrySet().stream().map(e -> quoted(e.getKey()) + ":" + quoted(e.getValue()))
                                         .collect(Collectors.joining(",", "{", "}"));
    }

    // ---- JSON

    private static byte[] bytes(String s) { return s.getBytes(StandardCharsets.UTF_8); }

    private static String text(byte[] b) { return b == null ? "null" : new String(b, StandardCharsets.UTF_8); }

    private static String quoted(String s) { return "\"" + s.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + "\""; }

    private static String object(String... members) {
        StringBuilder b = new StringBuilder("{");
        for (int i = 0; i < members.length; i += 2)
            b.append(i > 0 ? "," : "").append(quoted(members[i])).append(":").append(members[i + 1]);
        return b.append("}").toString();
    }

    private static synchronized void emit(String event, String... members) {
        String[] all = new String[members.length + 2];
        all[0] = "event";
        all[1] = quoted(event);
        System.arraycopy(members, 0, all, 2, members.length);
        System.out.println(object(all));
    }
}
