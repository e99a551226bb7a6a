package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheRoomsKeepApart holds who may import whom: the components meet only in the stores.
func TestTheRoomsKeepApart(t *testing.T) {
	f := func(pkg string, forbidden ...string) {
		t.Helper()
		out, err := exec.Command("go", "list", "-deps", pkg).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", pkg, err)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			for _, no := range forbidden {
				if dep == no || strings.HasPrefix(dep, no+"/") {
					t.Errorf("%s imports %s", pkg, dep)
				}
			}
		}
	}
	const (
		redirector = "fairlead/redirector"
		aggregator = "fairlead/aggregator"
		dashboard  = "fairlead/dashboard"
		configs    = "fairlead/configs"
		command    = "fairlead/cmd"
	)
	f(redirector+"/...", aggregator, dashboard, configs, command)
	f(aggregator+"/...", redirector, dashboard, configs, command)
	f(dashboard+"/...", redirector, aggregator, configs, command)
	f("fairlead/schema/...", redirector, aggregator, dashboard, configs, command)
	f("fairlead/configs/...", redirector, aggregator, dashboard, "fairlead/schema", command)
	f("fairlead/cmd/stores/...", redirector, aggregator, dashboard, configs)
	f(redirector+"/journal", "github.com/ClickHouse", "github.com/redis", "fairlead/schema")
	f(aggregator+"/reward", "github.com/ClickHouse", "github.com/redis", "database/sql", "net/http")
	f("fairlead/schema", "github.com/ClickHouse", "github.com/redis")
}
