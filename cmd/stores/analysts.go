package stores

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Analyst is a user of ClickHouse who may read the views in `analytics`, within limits, and nothing else.
type Analyst struct {
	Name           string `json:"name"`
	PasswordSHA256 string `json:"password_sha256"` // hexadecimal
}

// analystName is what ClickHouse's users file takes as an element's name without any escaping.
var analystName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// sha256Form is 256 bits in hexadecimal.
var sha256Form = regexp.MustCompile(`^[0-9a-f]{64}$`)

// followEvery is the time after which a change of the analysts is seen.
const followEvery = 500 * time.Millisecond

// reservedNames are users that exist otherwise.
var reservedNames = []string{"default", ClickHouseUser, "xml"}

// Analysts lists the analysts of the ClickHouse in dir, by name.
func Analysts(dir string) ([]Analyst, error) {
	name := analystsFile(dir)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the analysts: %w", err)
	}
	var analysts []Analyst
	if err := json.Unmarshal(data, &analysts); err != nil {
		return nil, fmt.Errorf("read the analysts in %s: %w", name, err)
	}
	for _, a := range analysts {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("read the analysts in %s: %w", name, err)
		}
	}
	return analysts, nil
}

// AddAnalyst adds an analyst to the ClickHouse in dir and returns the password, which is kept nowhere.
// An analyst who is there already gets a new one. ClickHouse reads its users once: a running server
// knows the analyst after ReloadAnalysts, which its Keep calls by itself within a second.
func AddAnalyst(dir, name string) (password string, err error) {
	password = newPassword()
	a := Analyst{Name: name, PasswordSHA256: sha256Hex(password)}
	if err := a.check(); err != nil {
		return "", err
	}
	return password, changeAnalysts(dir, func(list []Analyst) ([]Analyst, error) {
		list = slices.DeleteFunc(list, func(b Analyst) bool { return b.Name == name })
		list = append(list, a)
		slices.SortFunc(list, func(a, b Analyst) int { return strings.Compare(a.Name, b.Name) })
		return list, nil
	})
}

// RemoveAnalyst takes an analyst away from the ClickHouse in dir.
func RemoveAnalyst(dir, name string) error {
	return changeAnalysts(dir, func(list []Analyst) ([]Analyst, error) {
		rest := slices.DeleteFunc(slices.Clone(list), func(b Analyst) bool { return b.Name == name })
		if len(rest) == len(list) {
			return nil, fmt.Errorf("there is no analyst %q", name)
		}
		return rest, nil
	})
}

// changeAnalysts replaces the list, one process at a time.
func changeAnalysts(dir string, change func([]Analyst) ([]Analyst, error)) error {
	if _, err := os.Stat(dir); err != nil {
		return fmt.Errorf("there is no ClickHouse in %s: %w", dir, err)
	}
	lock, err := takeLock(context.Background(), analystsFile(dir)+".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	list, err := Analysts(dir)
	if err != nil {
		return err
	}
	if list, err = change(list); err != nil {
		return err
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("write the analysts: %w", err)
	}
	return writeFile(analystsFile(dir), append(data, '\n'))
}

// ReloadAnalysts makes the running server know the analysts of its folder: it restarts it, which
// takes about two seconds, unless nothing has changed since the last start.
func (c *ClickHouse) ReloadAnalysts(ctx context.Context) error {
	analysts, err := Analysts(c.opt.Dir)
	if err != nil {
		return err
	}
	c.mu.Lock()
	same := slices.Equal(analysts, c.analysts)
	c.mu.Unlock()
	if same {
		return nil
	}
	return c.Restart(ctx)
}

// Keep is Process.Keep, and makes the server know analysts who are added or removed meanwhile, by
// whatever process.
func (c *ClickHouse) Keep(ctx context.Context, report func(error)) {
	ctx, cancel := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		for sleep(ctx, followEvery) {
			if c.Err() != nil || isClosed(c.Done()) {
				continue // the next start reads them
			}
			if err := c.ReloadAnalysts(ctx); err != nil && ctx.Err() == nil {
				c.log.Error("the analysts cannot be changed", "err", err)
			}
		}
	}()
	c.Process.Keep(ctx, report)
	cancel()
	<-followed
}

func (a Analyst) check() error {
	if !analystName.MatchString(a.Name) || slices.Contains(reservedNames, a.Name) {
		return fmt.Errorf("an analyst cannot be called %q: a name is 1 to 32 small letters, digits and _, begins with a letter, and is none of %s", a.Name, strings.Join(reservedNames, ", "))
	}
	if !sha256Form.MatchString(a.PasswordSHA256) {
		return fmt.Errorf("the password hash of the analyst %q is damaged: give a new password with `fairlead analyst add --name %s`", a.Name, a.Name)
	}
	return nil
}

func analystsFile(dir string) string { return filepath.Join(dir, "analysts.json") }
