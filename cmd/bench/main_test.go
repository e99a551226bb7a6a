package main

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the bare server, as the program is when it starts itself again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		main()
		return
	}
	os.Exit(m.Run())
}
