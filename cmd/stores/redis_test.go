package stores_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

func TestRedisWantsItsPassword(t *testing.T) {
	r := storestest.Redis(t)
	for _, password := range []string{"", "x", strings.Repeat("0", len(r.Password()))} {
		client := redis.NewClient(&redis.Options{Addr: r.Addr(), Password: password, MaxRetries: -1})
		if err := client.Get(t.Context(), "key").Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") && !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("with the password %q: %v, want a refusal", password, err)
		}
		client.Close()
	}
	if err := r.Client(t).Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
}

func TestWhatRedisWroteSurvivesSIGKILLAndATornLog(t *testing.T) {
	r := storestest.NewRedis(t)
	client := r.Client(t)
	written := 0
	for range 3 {
		for range 1000 {
			if err := client.Set(t.Context(), fmt.Sprint(written), "x", 0).Err(); err != nil {
				t.Fatal(err)
			}
			written++
		}
		awaitWritten(t, client)
		r.Kill()
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := client.DBSize(t.Context()).Result(); err != nil || int(n) != written {
			t.Fatalf("%d keys, %v; want %d", n, err, written)
		}
	}
	r.Kill()
	logs, err := filepath.Glob(filepath.Join(r.Dir(), "appendonlydir", "*.incr.aof"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs = %v, %v", logs, err)
	}
	name := logs[len(logs)-1]
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, info.Size()-5); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := client.DBSize(t.Context()).Result(); err != nil || int(n) != written-1 {
		t.Fatalf("after a torn end %d keys, %v; want %d", n, err, written-1)
	}
}

// awaitWritten waits until nothing waits for Redis's log: while that is being synced, Redis keeps what
// it has confirmed in memory for up to two seconds.
func awaitWritten(t *testing.T, client *redis.Client) {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		info, err := client.Info(t.Context(), "persistence").Result()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(info, "aof_buffer_length:0\r\n") {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("Redis does not write its log: %s", info)
		}
	}
}

func TestOneSentenceWhenRedisCannotStart(t *testing.T) {
	port := storestest.FreePort(t)
	taken := storestest.Redis(t)
	var takenPort int
	if _, err := fmt.Sscanf(taken.Addr(), "127.0.0.1:%d", &takenPort); err != nil {
		t.Fatal(err)
	}
	held := storestest.NewRedis(t)
	for name, c := range map[string]struct {
		opt  stores.RedisOptions
		want []string
	}{
		"the port is in use":     {stores.RedisOptions{Port: takenPort}, []string{fmt.Sprintf("port %d for Redis is in use", takenPort), "--redis-port"}},
		"the program is missing": {stores.RedisOptions{Port: port, Binary: "no-redis-server"}, []string{"there is no no-redis-server", "make deps", "redis.binary", "redis.addrs"}},
		"the program is another": {stores.RedisOptions{Port: port, Binary: "false"}, []string{"Redis ended (exit status 1)"}},
		"the folder is in use":   {stores.RedisOptions{Port: port, Dir: held.Dir()}, []string{"start Redis", held.Dir(), "in use"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.opt.Dir == "" {
				c.opt.Dir = filepath.Join(t.TempDir(), "redis")
			}
			r, err := stores.StartRedis(t.Context(), c.opt)
			if err == nil {
				r.Kill()
				t.Fatal("it started")
			}
			for _, want := range c.want {
				if !contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
		})
	}
}
