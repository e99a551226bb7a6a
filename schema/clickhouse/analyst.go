package clickhouse

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrNoUsers is wrapped by AddAnalyst where the server takes no users by SQL, as the one that
// `fairlead up` starts: its users stand in a file.
var ErrNoUsers = errors.New("this ClickHouse takes no users by SQL")

// AddAnalyst makes, or makes anew, a user who may read the views in analytics and nothing else, under
// limits that the user cannot lift. The password leaves this process only as its SHA-256.
func AddAnalyst(ctx context.Context, conn driver.Conn, cluster, name, password string) error {
	stmts, err := analystStatements(cluster, name, password)
	if err != nil {
		return err
	}
	ctx = Named(ctx, "add analyst", nil)
	for _, stmt := range stmts {
		if err := conn.Exec(ctx, stmt); err != nil {
			var e *ch.Exception
			if errors.As(err, &e) && slices.Contains([]int32{codeAccessStorageReadonly, codeAccessStorageMissing}, e.Code) {
				return fmt.Errorf("add analyst %s: %w: %w", name, ErrNoUsers, err)
			}
			return fmt.Errorf("add analyst %s: %w", name, err)
		}
	}
	return nil
}

// Error codes of ClickHouse: src/Common/ErrorCodes.cpp.
const (
	codeAccessStorageReadonly = 495
	codeAccessStorageMissing  = 514
)

// analystStatements returns what makes an analyst, each statement repeatable.
func analystStatements(cluster, name, password string) ([]string, error) {
	if !AnalystName.MatchString(name) {
		return nil, fmt.Errorf("analyst name %q: 1 to 32 small letters, digits and _, beginning with a letter", name)
	}
	if slices.Contains([]string{"default", "fairlead"}, name) {
		return nil, fmt.Errorf("analyst name %q is taken by the product", name)
	}
	if len(password) < 12 {
		return nil, fmt.Errorf("the password of analyst %s has %d characters, at least 12 are needed", name, len(password))
	}
	if cluster != "" && !clusterName.MatchString(cluster) {
		return nil, fmt.Errorf("cluster name %q: letters, digits, - and _ are allowed", cluster)
	}
	on := place{Cluster: cluster}.OnCluster()
	user := quoteName(name)
	sum := sha256.Sum256([]byte(password))
	return []string{
		// Not OR REPLACE: that would part the profile from the analysts who have it.
		"CREATE SETTINGS PROFILE IF NOT EXISTS fairlead_analyst" + on + " SETTINGS" + analystLimits,
		"ALTER SETTINGS PROFILE fairlead_analyst" + on + " SETTINGS" + analystLimits,
		"CREATE USER OR REPLACE " + user + on + " IDENTIFIED WITH sha256_hash BY " + Quote(hex.EncodeToString(sum[:])) +
			" DEFAULT ROLE NONE SETTINGS PROFILE 'fairlead_analyst'",
		"CREATE QUOTA OR REPLACE " + quoteName("fairlead_analyst_"+name) + on +
			" KEYED BY user_name FOR INTERVAL 1 hour MAX queries = 5000, execution_time = 1800 TO " + user,
		"GRANT" + on + " SELECT ON analytics.* TO " + user,
	}, nil
}

// AnalystName is the form of an analyst's user name.
var AnalystName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// analystLimits bound what one question may cost. CONST: the analyst cannot change them.
const analystLimits = `
    readonly = 2 CONST,
    max_execution_time = 60 CONST,
    timeout_overflow_mode = 'throw' CONST,
    max_memory_usage = 2000000000 CONST,
    max_memory_usage_for_user = 4000000000 CONST,
    max_rows_to_read = 2000000000 CONST,
    read_overflow_mode = 'throw' CONST,
    max_result_rows = 1000000 CONST,
    max_result_bytes = 1000000000 CONST,
    result_overflow_mode = 'throw' CONST,
    max_concurrent_queries_for_user = 4 CONST,
    max_threads = 4 MAX 4,
    priority = 10 CONST`

// RemoveAnalyst takes an analyst's user away; it is no error when there is none of that name.
func RemoveAnalyst(ctx context.Context, conn driver.Conn, cluster, name string) error {
	if !AnalystName.MatchString(name) || slices.Contains([]string{"default", "fairlead"}, name) {
		return fmt.Errorf("%q is no analyst's name", name)
	}
	on := place{Cluster: cluster}.OnCluster()
	for _, stmt := range []string{
		"DROP QUOTA IF EXISTS " + quoteName("fairlead_analyst_"+name) + on,
		"DROP USER IF EXISTS " + quoteName(name) + on,
	} {
		if err := conn.Exec(Named(ctx, "remove analyst", nil), stmt); err != nil {
			return fmt.Errorf("remove analyst %s: %w", name, err)
		}
	}
	return nil
}

// Analysts returns the names of the users whom AddAnalyst made.
func Analysts(ctx context.Context, conn driver.Conn) ([]string, error) {
	var names []string
	err := conn.Select(Named(ctx, "analysts", nil), &names,
		"SELECT assumeNotNull(user_name) FROM system.settings_profile_elements WHERE inherit_profile = 'fairlead_analyst' AND user_name IS NOT NULL ORDER BY 1")
	if err != nil {
		return nil, fmt.Errorf("list the analysts: %w", err)
	}
	return names, nil
}
