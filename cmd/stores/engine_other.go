//go:build !linux

package stores

// outliveConnections does nothing here: a connection that fails may end the engine, which Keep starts
// again.
func outliveConnections(lib string, symbol uintptr) error { return nil }
