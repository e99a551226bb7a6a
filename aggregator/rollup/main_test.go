package rollup

import (
	"os"
	"testing"

	"fairlead/aggregator/aggregatortest"
	"fairlead/cmd/stores/storestest"
)

func TestMain(m *testing.M) { os.Exit(storestest.Main(m)) }

// empty returns a world in which nothing has happened.
func empty(t testing.TB) *aggregatortest.World {
	t.Helper()
	return aggregatortest.New(t, storestest.ClickHouse(t).Fresh(t).Conn(t), storestest.Redis(t).Fresh(t).Client(t))
}
