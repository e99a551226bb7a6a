package stores_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fairlead/cmd/stores"
	"fairlead/cmd/stores/storestest"
)

// parentVariable makes this test binary a program that starts both stores and waits to be killed:
// the folder, and the three ports.
const parentVariable = "STORES_TEST_PARENT"

func TestMain(m *testing.M) {
	stores.MaybeEngine()
	if what := os.Getenv(parentVariable); what != "" {
		if err := beParent(strings.Split(what, ",")); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		select {}
	}
	os.Exit(storestest.Main(m))
}

// beParent starts the stores and prints their process ids.
func beParent(what []string) error {
	var ports [3]int
	for i := range ports {
		port, err := strconv.Atoi(what[1+i])
		if err != nil {
			return err
		}
		ports[i] = port
	}
	ctx := context.Background()
	ch, err := stores.StartClickHouse(ctx, stores.ClickHouseOptions{Dir: filepath.Join(what[0], "clickhouse"), NativePort: ports[0], HTTPPort: ports[1]})
	if err != nil {
		return err
	}
	r, err := stores.StartRedis(ctx, stores.RedisOptions{Dir: filepath.Join(what[0], "redis"), Port: ports[2]})
	if err != nil {
		return err
	}
	fmt.Println(ch.PID(), r.PID())
	return nil
}
