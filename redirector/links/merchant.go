package links

import (
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	"fairlead/schema"
)

// KeyHash is the SHA-256 of an API key.
type KeyHash [32]byte

// APIKey finds a key by its hash. Whether it still works is for the caller to ask: schema.APIKey.Works.
func (v *View) APIKey(hash KeyHash) (schema.APIKey, bool) {
	k, ok := v.apiKeys[hash]
	return k, ok
}

// CustomerKey returns the key under which customers' e-mail addresses are hashed; empty while the directory has none.
func (v *View) CustomerKey() schema.CustomerKey { return v.secret.Customers }

// Genuine reports whether a click id was given out by this program, and is still accepted.
func (p *Program) Genuine(id schema.ClickID, now time.Time) bool {
	for i := range p.keys {
		k := &p.keys[i]
		if (k.RetiredAt.IsZero() || now.Before(k.RetiredAt)) && (schema.ClickKeys{k.Key}).Check(id) == nil {
			return true
		}
	}
	return false
}

// AllowsOrigin reports whether pages of an origin, as browsers send it, are of the program's allowed domains.
func (p *Program) AllowsOrigin(origin string) bool { return p.destinations.AllowsOrigin(origin) }

// setAPIKey takes over a key's entry.
func (f *feed) setAPIKey(id uint32, entry string) error {
	k, err := parse[schema.APIKey](entry)
	if err != nil {
		return err
	}
	return f.putAPIKey(id, k)
}

func (f *feed) putAPIKey(id uint32, k *schema.APIKey) error {
	var hash KeyHash
	if k != nil {
		if n, err := hex.Decode(hash[:], []byte(k.Hash)); err != nil || n != len(hash) || len(k.Hash) != hex.EncodedLen(len(hash)) {
			return fmt.Errorf("the hash of API key %d is not %d hexadecimal digits", id, hex.EncodedLen(len(hash)))
		}
	}
	f.apiKeys = maps.Clone(f.apiKeys) // a view may hold the old one; keys are few
	maps.DeleteFunc(f.apiKeys, func(_ KeyHash, old schema.APIKey) bool { return old.ID == id })
	if k != nil {
		k.ID = id
		f.apiKeys[hash] = *k
	}
	return nil
}

// setSecret takes over the secret's entry; it does not go away.
func (f *feed) setSecret(entry string) error {
	s, err := parse[schema.Secret](entry)
	if err == nil && s != nil {
		f.secret = *s
	}
	return err
}
