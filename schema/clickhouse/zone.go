package clickhouse

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed queries/program_zone.sql
var programZoneSQL string

// ProgramZone returns the time zone in which the program's days and months are cut: UTC as long as there
// is no program.
func ProgramZone(ctx context.Context, conn driver.Conn) (*time.Location, error) {
	var name string
	err := conn.QueryRow(Named(ctx, "program zone", nil), programZoneSQL).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return time.UTC, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the program's time zone: %w", err)
	}
	if name == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("the program's time zone %q: %w", name, err)
	}
	return zone, nil
}
