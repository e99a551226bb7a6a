package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fairlead/schema"
)

// NewAPIKey is what an API key is made of.
type NewAPIKey struct {
	Name      string
	Scopes    []schema.Scope // none: to report conversions
	Test      bool           // what it reports is traced, never reported or paid
	ExpiresAt time.Time      // zero: never
}

// AddKey draws an API key. It returns the key itself, which is stored nowhere: whoever loses it draws another.
func (d *Directory) AddKey(ctx context.Context, actor Actor, n NewAPIKey) (schema.APIKey, string, error) {
	none := schema.APIKey{}
	name, err := checkName("name", n.Name)
	if err != nil {
		return none, "", err
	}
	if len(n.Scopes) == 0 {
		n.Scopes = []schema.Scope{schema.ScopeTrack}
	}
	for _, s := range n.Scopes {
		if !slices.Contains(schema.Scopes(), s) {
			return none, "", invalid("scopes", "There is no scope %q; there are %s.", s, scopeNames())
		}
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(n.Scopes)))
	if slices.Contains(scopes, schema.ScopeBrowser) && len(scopes) > 1 {
		return none, "", invalid("scopes", "A key of scope browser stands in pages where everybody reads it: it has no other scope.")
	}
	if !n.ExpiresAt.IsZero() && !n.ExpiresAt.After(d.now()) {
		return none, "", invalid("expires", "The key would have expired already.")
	}
	text := schema.NewAPIKey(n.Test)
	var k schema.APIKey
	err = d.write(ctx, actor, "API key added", func(_ context.Context, t *tx) error {
		id, err := t.nextID(schema.KindAPIKey)
		if err != nil {
			return err
		}
		k = schema.APIKey{
			ID: id, Name: name, Hash: schema.HashAPIKey(text), Hint: text[len(text)-4:], Scopes: scopes, Test: n.Test,
			CreatedAt: t.now, ExpiresAt: n.ExpiresAt.UTC(),
		}
		return t.put(schema.KindAPIKey, uint64(id), nil, k)
	})
	if err != nil {
		return none, "", err
	}
	return k, text, nil
}

func scopeNames() string {
	var names []string
	for _, s := range schema.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// maxAPIKeys is more API keys than a program will ever have had.
const maxAPIKeys = 10_000

// APIKeys returns every key there ever was, by id.
func (d *Directory) APIKeys(ctx context.Context) ([]schema.APIKey, error) {
	return list[schema.APIKey](ctx, d, schema.KindAPIKey, 0, maxAPIKeys)
}

// RevokeKey makes a key open nothing any more, on every node within a second. Once revoked it stays so.
func (d *Directory) RevokeKey(ctx context.Context, actor Actor, id uint32, reason string) (schema.APIKey, error) {
	var k schema.APIKey
	if reason == "" {
		reason = "API key revoked"
	}
	err := d.write(ctx, actor, reason, func(ctx context.Context, t *tx) (err error) {
		var before *entry
		if k, before, err = get[schema.APIKey](ctx, t, schema.KindAPIKey, uint64(id)); CodeOf(err) == NotFound {
			return notFound("There is no API key %d; `fairlead key list` shows them.", id)
		}
		if err != nil || !k.RevokedAt.IsZero() {
			return err
		}
		k.RevokedAt = t.now
		return t.put(schema.KindAPIKey, uint64(id), before, k)
	})
	if err != nil {
		return schema.APIKey{}, err
	}
	return k, nil
}

// secretID is the number of the one entry of its kind.
const secretID = 1

// EnsureSecret draws what the program keeps secret for ever, where there is none yet.
func (d *Directory) EnsureSecret(ctx context.Context) error {
	there, err := d.stored(ctx, schema.KindSecret, secretID)
	if err != nil {
		return clickHouseAway(err)
	}
	if there != nil {
		return nil
	}
	return d.write(ctx, System, "the customers' key", func(ctx context.Context, t *tx) error {
		_, _, err := get[schema.Secret](ctx, t, schema.KindSecret, secretID)
		if CodeOf(err) != NotFound {
			return err
		}
		return t.put(schema.KindSecret, secretID, nil, schema.Secret{Customers: schema.NewCustomerKey()})
	})
}

// CustomerKey returns the key under which customers' e-mail addresses are hashed.
func (d *Directory) CustomerKey(ctx context.Context) (schema.CustomerKey, error) {
	s, err := must[schema.Secret](ctx, d, schema.KindSecret, secretID)
	if err == nil && s.Customers == "" {
		err = fmt.Errorf("the directory's secret holds no key for customers: `fairlead migrate` draws one")
	}
	return s.Customers, err
}
