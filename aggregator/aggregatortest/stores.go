package aggregatortest

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/redis/go-redis/v9"

	"fairlead/cmd/stores/storestest"
)

// Main runs a package's tests with stores that they share: call it from TestMain.
func Main(m *testing.M) int { return storestest.Main(m) }

func openClickHouse(t testing.TB) driver.Conn {
	return storestest.ClickHouse(t).Fresh(t).Conn(t)
}

func openRedis(t testing.TB) redis.UniversalClient {
	return storestest.Redis(t).Fresh(t).Client(t)
}
