package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fairlead/configs"
	"fairlead/schema"
)

// payoutKeyFile is the file in a deployment's folder that holds the key of payout details.
const payoutKeyFile = "payout.key"

// payoutKey is the key that payout details are sealed with: the setting, the file that it names, or that of the folder. It is
// empty where there is none.
func payoutKey(c configs.Config) (schema.PayoutKey, error) {
	if text := c.Payouts.EncryptionKey; text != "" {
		return schema.ParsePayoutKey(text)
	}
	name := c.Payouts.EncryptionKeyFile
	named := name != ""
	if !named {
		name = filepath.Join(c.Dir, payoutKeyFile)
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the key of payout details: %w", err)
	}
	key, err := schema.ParsePayoutKey(string(text))
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

// makePayoutKey draws a key for a folder that has none, unless the configuration names one. Nobody but the owner reads it.
func makePayoutKey(c configs.Config) error {
	if c.Payouts.EncryptionKey != "" || c.Payouts.EncryptionKeyFile != "" {
		return nil
	}
	name := filepath.Join(c.Dir, payoutKeyFile)
	if _, err := os.Stat(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(c.Dir, payoutKeyFile+".*") // made with mode 0600
	if err != nil {
		return fmt.Errorf("make the key of payout details: %w", err)
	}
	_, err = f.WriteString(string(schema.NewPayoutKey()) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make the key of payout details: %w", err), os.Remove(f.Name()))
	}
	return nil
}
