package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fairlead/configs"
)

// addresses is what stands in DIR/fairlead.json (mode 0600): where the parts of a deployment started
// by `fairlead up` are, and what opens them.
type addresses struct {
	Redirector string            `json:"redirector"`
	Dashboard  string            `json:"dashboard"`
	Ops        string            `json:"ops"`
	ClickHouse clickHouseAddress `json:"clickhouse"`
	Redis      redisAddress      `json:"redis"`
}

type clickHouseAddress struct {
	Native   string `json:"native"`
	HTTP     string `json:"http"`
	User     string `json:"user"`
	Password string `json:"password"`
}

type redisAddress struct {
	Addr     string `json:"addr"`
	Password string `json:"password"`
}

// addressFile is the name of the file that holds addresses.
const addressFile = "fairlead.json"

// readAddresses reads DIR/fairlead.json; an error that wraps fs.ErrNotExist means that nothing was
// ever started there.
func readAddresses(dir string) (addresses, error) {
	name := filepath.Join(dir, addressFile)
	data, err := os.ReadFile(name)
	if err != nil {
		return addresses{}, err
	}
	var a addresses
	if err := json.Unmarshal(data, &a); err != nil {
		return addresses{}, fmt.Errorf("%s is damaged (%w): delete it and start `fairlead up` again, it is written anew", name, err)
	}
	return a, nil
}

// write stores the addresses so that only the owner reads them, whole or not at all.
func (a addresses) write(dir string) error {
	data, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, addressFile+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("write the address file: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(data, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, addressFile))
	}
	if err != nil {
		return fmt.Errorf("write the address file: %w", err)
	}
	return nil
}

// configure makes c name the stores of a.
func (a addresses) configure(c *configs.Config) {
	c.ClickHouse.Addrs, c.ClickHouse.HTTPURL = []string{a.ClickHouse.Native}, a.ClickHouse.HTTP
	c.ClickHouse.User, c.ClickHouse.Password = a.ClickHouse.User, a.ClickHouse.Password
	c.Redis.Addrs, c.Redis.Password = []string{a.Redis.Addr}, a.Redis.Password
}
