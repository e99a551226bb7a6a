package rollup

import (
	"os"
	"testing"

	"fairlead/aggregator/aggregatortest"
)

func TestMain(m *testing.M) { os.Exit(aggregatortest.Main(m)) }
