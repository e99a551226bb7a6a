package directory

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"fairlead/schema"
)

// programID is the id of the one program.
const programID = 1

// Program returns the program's settings; the error is NotFound before SeedProgram.
func (d *Directory) Program(ctx context.Context) (schema.Program, error) {
	p, ok, err := lookup[schema.Program](ctx, d, schema.KindProgram, programID)
	if err == nil && !ok {
		err = errNoProgram()
	}
	return p, err
}

func errNoProgram() error {
	return notFound("This deployment has no program yet: start `fairlead up` or the aggregator once.")
}

// SeedProgram stores the settings of a new deployment and answers those in force: its own where there are any.
func (d *Directory) SeedProgram(ctx context.Context, p schema.Program) (schema.Program, error) {
	p, err := d.checkProgram(p)
	if err != nil {
		return schema.Program{}, err
	}
	e, err := d.stored(ctx, schema.KindProgram, programID)
	if err != nil {
		return schema.Program{}, clickHouseAway(err)
	}
	if e != nil {
		return d.Program(ctx)
	}
	err = d.write(ctx, System, "first start", func(ctx context.Context, t *tx) error {
		there, _, err := get[schema.Program](ctx, t, schema.KindProgram, programID)
		switch {
		case err == nil: // another process was faster
			p = there
			return nil
		case CodeOf(err) != NotFound:
			return err
		}
		if err := d.knowsZone(ctx, p.Zone); err != nil {
			return err
		}
		return t.put(schema.KindProgram, programID, nil, p)
	})
	if err != nil {
		return schema.Program{}, err
	}
	return p, nil
}

// SetProgram changes the settings by fn and answers the result. Nothing is stored if fn or a check fails.
func (d *Directory) SetProgram(ctx context.Context, actor Actor, fn func(*schema.Program) error) (schema.Program, error) {
	var p schema.Program
	err := d.write(ctx, actor, "settings changed", func(ctx context.Context, t *tx) error {
		before, was, err := get[schema.Program](ctx, t, schema.KindProgram, programID)
		if CodeOf(err) == NotFound {
			return errNoProgram()
		}
		if err != nil {
			return err
		}
		p = before
		p.AllowedDomains = append([]string(nil), before.AllowedDomains...)
		if err := fn(&p); err != nil {
			return asInvalid(err)
		}
		p.Demo = before.Demo
		if p, err = d.checkProgram(p); err != nil {
			return err
		}
		if p.Zone != before.Zone {
			if err := d.knowsZone(ctx, p.Zone); err != nil {
				return err
			}
		}
		if longer := keyLife(p) - keyLife(before); longer > 0 {
			if err := t.keepKeys(ctx, longer); err != nil {
				return err
			}
		}
		return t.put(schema.KindProgram, programID, was, p)
	})
	if err != nil {
		return schema.Program{}, err
	}
	return p, nil
}

// checkProgram is CheckProgram, and that the homepage is not the redirector itself.
func (d *Directory) checkProgram(p schema.Program) (schema.Program, error) {
	p, err := CheckProgram(p, d.opt.AllowLoopback)
	if err == nil && d.leadsBack(p.Homepage) {
		err = invalid("homepage", "homepage %s is the redirector's own address (redirector.public_url): shoppers would go in circles.", p.Homepage)
	}
	return p, err
}

// leadsBack reports whether an address is on the redirector's own host.
func (d *Directory) leadsBack(to string) bool {
	return d.opt.Edge != "" && schema.SameHost(to, d.opt.Edge)
}

// asInvalid makes an Error of what a caller's function said.
func asInvalid(err error) error {
	if CodeOf(err) != "" {
		return err
	}
	return &Error{Code: Invalid, Message: err.Error()}
}

// knowsZone makes sure that ClickHouse, which cuts days and months, knows the zone too.
func (d *Directory) knowsZone(ctx context.Context, zone string) error {
	var n uint64
	err := d.ch.QueryRow(d.asking(ctx, "time zone"), "SELECT count() FROM system.time_zones WHERE time_zone = @zone",
		clickhouse.Named("zone", zone)).Scan(&n)
	if err != nil {
		return fmt.Errorf("ask ClickHouse for the time zone %q: %w", zone, err)
	}
	if n == 0 {
		return invalid("zone", "ClickHouse does not know the time zone %q.", zone)
	}
	return nil
}

// destinations compiles where the program's links may lead.
func (d *Directory) destinations(p schema.Program) (*schema.Destinations, error) {
	return destinations(p, d.opt.AllowLoopback)
}

func destinations(p schema.Program, allowLoopback bool) (*schema.Destinations, error) {
	allowed, err := schema.NewDestinations(p.AllowedDomains, allowLoopback || p.Demo)
	if err != nil {
		return nil, invalid("allowed_domains", "%s.", sentence(err))
	}
	return allowed, nil
}
