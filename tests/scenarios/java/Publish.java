import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

/** Publishes by the JDK's own HTTP client as it is: it asks for HTTP/2 with each request, and does not know a stream's length. */
class Publish {
    static final HttpClient client = HttpClient.newHttpClient();

    static void publish(String api, String key, BodyPublisher body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(api + "/publish")).header("X-API-Key", key).POST(body).build();
        var response = client.send(request, BodyHandlers.ofString());
        System.out.println(response.statusCode() + " " + response.body());
    }

    public static void main(String[] args) throws Exception {
        for (int n = 0; n < 3; n++) {
            publish(args[0], args[1], BodyPublishers.ofString(args[2]));
            publish(args[0], args[1], BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(args[2].getBytes())));
        }
        publish(args[0], args[1], BodyPublishers.ofString(args[2]));
    }
}
