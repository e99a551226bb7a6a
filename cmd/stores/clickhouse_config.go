package stores

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"text/template"
)

var (
	//go:embed config.xml.tmpl
	configTemplate string
	//go:embed users.xml.tmpl
	usersTemplate string
)

var templates = template.Must(template.Must(template.New("config.xml").
	Funcs(template.FuncMap{"xml": escapeXML}).
	Parse(configTemplate)).New("users.xml").Parse(usersTemplate))

// serverConfig fills config.xml.
type serverConfig struct {
	Host                 string
	NativePort, HTTPPort int
	Data                 string // with a slash at its end
	Users, Log           string
	MaxMemory, CacheSize int64
}

// usersConfig fills users.xml.
type usersConfig struct {
	Embedded       bool // the library, whose own session is `default`
	PasswordSHA256 string
	Analysts       []Analyst
	Limits         []limit
}

// limit is a setting that an analyst may lower and not raise.
type limit struct {
	Name  string
	Value int64
}

// analystLimits bound what one question may cost, as the users made by SQL on a server of its own are
// bound (schema/clickhouse), and leave the program its share of a small machine.
func analystLimits(maxMemory int64) []limit {
	return []limit{
		{"max_execution_time", 60}, // seconds
		{"max_memory_usage", min(2_000_000_000, maxMemory/3)},
		{"max_memory_usage_for_user", min(4_000_000_000, maxMemory/2)},
		{"max_rows_to_read", 2_000_000_000},
		{"max_result_rows", 1_000_000},
		{"max_result_bytes", 1_000_000_000},
		{"max_temporary_data_on_disk_size_for_user", 10_000_000_000},
		{"max_concurrent_queries_for_user", 4},
		{"max_sessions_for_user", 32},
		{"max_threads", 4},
	}
}

// writeConfig writes config.xml and users.xml.
func (c *ClickHouse) writeConfig(analysts []Analyst) error {
	var config, users bytes.Buffer
	err := templates.ExecuteTemplate(&config, "config.xml", serverConfig{
		Host:       Loopback,
		NativePort: c.opt.NativePort,
		HTTPPort:   c.opt.HTTPPort,
		Data:       filepath.Join(c.opt.Dir, "data") + "/",
		Users:      c.file("users.xml"),
		Log:        c.file("clickhouse.log"),
		MaxMemory:  c.opt.MaxMemory,
		CacheSize:  c.opt.MaxMemory / 16,
	})
	if err != nil {
		return fmt.Errorf("make config.xml: %w", err)
	}
	err = templates.ExecuteTemplate(&users, "users.xml", usersConfig{
		Embedded:       c.library != "",
		PasswordSHA256: sha256Hex(c.password),
		Analysts:       analysts,
		Limits:         analystLimits(c.opt.MaxMemory),
	})
	if err != nil {
		return fmt.Errorf("make users.xml: %w", err)
	}
	if err := writeFile(c.file("config.xml"), config.Bytes()); err != nil {
		return err
	}
	return writeFile(c.file("users.xml"), users.Bytes())
}

func (c *ClickHouse) file(name string) string { return filepath.Join(c.opt.Dir, name) }

func sha256Hex(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func escapeXML(text string) (string, error) {
	var b bytes.Buffer
	err := xml.EscapeText(&b, []byte(text))
	return b.String(), err
}
