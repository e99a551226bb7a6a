// Command fairlead runs a partner program: see `fairlead help`, or the README.
package main

import (
	"os"
	_ "time/tzdata" // a program's zone is known wherever this runs

	"fairlead/cmd/stores"
)

// version is set by the build.
var version = "dev"

func main() {
	stores.MaybeEngine()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
