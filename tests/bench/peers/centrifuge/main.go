// A server on the engine of Centrifugo (github.com/centrifugal/centrifuge) for comparison: its WebSocket, the memory broker with
// history, so that there are offsets (or Redis, so that several of it are a cluster), and as much of Centrifugo's HTTP API as cellcast-bench publishes by.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	historySize = 300 // what Centrifugo recovers at most
	historyTTL  = 10 * time.Minute
)

type publish struct {
	Channel string          `json:"channel"`
	Data    json.RawMessage `json:"data"`
}

type batch struct {
	Commands []struct {
		Publish publish `json:"publish"`
	} `json:"commands"`
}

type server struct {
	node *centrifuge.Node
	key  string
}

func (s *server) publish(p publish) (any, error) {
	result, err := s.node.Publish(p.Channel, p.Data, centrifuge.WithHistory(historySize, historyTTL))
	if err != nil {
		return nil, err
	}
	return map[string]any{"offset": result.Offset, "epoch": result.Epoch}, nil
}

func (s *server) one(body []byte) (any, error) {
	var p publish
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, err
	}
	result, err := s.publish(p)
	return map[string]any{"result": result}, err
}

func (s *server) several(body []byte) (any, error) {
	var b batch
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	replies := make([]any, 0, len(b.Commands))
	for _, command := range b.Commands {
		result, err := s.publish(command.Publish)
		if err != nil {
			return nil, err
		}
		replies = append(replies, map[string]any{"publish": result})
	}
	return map[string]any{"replies": replies}, nil
}

func (s *server) api(answer func(body []byte) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-API-Key") != s.key {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		body, err := io.ReadAll(r.Body)
		var result any
		if err == nil {
			result, err = answer(body)
		}
		var text []byte
		if err == nil {
			text, err = json.Marshal(result)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
	}
}

func onConnect(client *centrifuge.Client) {
	client.OnSubscribe(func(_ centrifuge.SubscribeEvent, reply centrifuge.SubscribeCallback) {
		reply(centrifuge.SubscribeReply{Options: centrifuge.SubscribeOptions{EnablePositioning: true, EnableRecovery: true}}, nil)
	})
}

func useRedis(node *centrifuge.Node, address string) error {
	shard, err := centrifuge.NewRedisShard(node, centrifuge.RedisShardConfig{Address: address})
	if err != nil {
		return err
	}
	broker, err := centrifuge.NewRedisBroker(node, centrifuge.RedisBrokerConfig{Shards: []*centrifuge.RedisShard{shard}})
	if err != nil {
		return err
	}
	node.SetBroker(broker)
	return nil
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8002", "host:port")
	redis := flag.String("redis", "", "host:port of the broker that several of these share; empty: memory")
	key := flag.String("api-key", "test-key", "of the HTTP API")
	flag.Parse()
	node, err := centrifuge.New(centrifuge.Config{})
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(func(context.Context, centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{Credentials: &centrifuge.Credentials{}}, nil
	})
	node.OnConnect(onConnect)
	if *redis != "" {
		if err := useRedis(node, *redis); err != nil {
			log.Fatal(err)
		}
	}
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	s := &server{node: node, key: *key}
	mux := http.NewServeMux()
	mux.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	mux.HandleFunc("/api/publish", s.api(s.one))
	mux.HandleFunc("/api/batch", s.api(s.several))
	if err := http.ListenAndServe(*listen, mux); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}
