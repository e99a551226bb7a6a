package main

import (
	"os"
	"testing"

	"fairlead/cmd/stores"
)

// TestMain lets the test binary be the bare server, or the engine, as the program is when it starts itself again.
func TestMain(m *testing.M) {
	stores.MaybeEngine()
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		main()
		return
	}
	os.Exit(m.Run())
}
