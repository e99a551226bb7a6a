package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"fairlead/cmd/demo"
	"fairlead/configs"
	"fairlead/redirector/enrich"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// shopAddr is where the demo's shop is unless that is taken at the first start.
const shopAddr = "127.0.0.1:8091"

// openShop takes the shop's address before the stores start: the demo's links lead there, so it is the
// same at every start.
func (u *up) openShop() error {
	if !u.demo {
		return nil
	}
	began := time.Now()
	var err error
	if demo.Exists(u.config.Dir) {
		if u.demoState, err = demo.Load(u.config.Dir, began, ""); err != nil {
			return err
		}
		if u.shopListener, err = net.Listen("tcp", u.demoState.Shop); err != nil {
			return fmt.Errorf("the demo's shop cannot listen on %s, where its links lead: %w; free the address, or delete %s to begin a new demo",
				u.demoState.Shop, errors.Unwrap(err), u.config.Dir)
		}
		return nil
	}
	if u.shopListener, err = net.Listen("tcp", shopAddr); err != nil {
		if u.shopListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("open the demo's shop: %w", err)
		}
	}
	u.demoState, err = demo.Load(u.config.Dir, began, u.shopListener.Addr().String())
	return err
}

// serveShop serves the demo's shop, which reports under an API key of its own.
func (u *up) serveShop(ctx context.Context, d *deployment, failed chan<- error) error {
	if !u.demo {
		return nil
	}
	began := time.Now()
	if err := u.demoState.EnsureKey(ctx, u.config.Dir, d.Directory); err != nil {
		return err
	}
	shop, err := demo.NewShop(u.shopListener, d.RedirectorURL, u.demoState.Key, u.log)
	if err != nil {
		return err
	}
	go func() {
		if err := shop.Serve(); err != nil {
			failed <- err
		}
	}()
	u.closing(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return shop.Close(ctx)
	})
	u.announce("demo shop", shop.URL(), began)
	return nil
}

// seed stores the program's settings, its click key and its secret at the first start, and sees to it that Redis has
// the whole directory.
func seed(ctx context.Context, d *deployment, demoShop string) error {
	p := programOf(d.Config.Program)
	if demoShop != "" {
		p = demo.Program(p, demoShop)
	}
	if _, err := d.Directory.SeedProgram(ctx, p); err != nil {
		return err
	}
	if err := d.Directory.EnsureClickKey(ctx); err != nil {
		return err
	}
	if err := d.Directory.EnsureSecret(ctx); err != nil {
		return err
	}
	_, err := d.Directory.Heal(ctx)
	return err
}

// programOf is the program that the configuration describes.
func programOf(c configs.Program) schema.Program {
	return schema.Program{
		Name: c.Name, Homepage: c.Homepage, AllowedDomains: c.AllowedDomains,
		Currency: c.Currency, Zone: c.Zone, WindowDays: c.WindowDays, Touch: c.Touch,
		HoldDays: c.HoldDays, PayoutDay: c.PayoutDay, PayoutMinimum: c.PayoutMinimum,
		Param: c.Param, AlsoParam: c.AlsoParam, SlugCase: schema.SlugCase(c.SlugCase), SaleBase: schema.SaleBase(c.SaleBase), RespectGPC: c.RespectGPC,
	}
}

// fillDemo writes the demo's people and past, once.
func (u *up) fillDemo(ctx context.Context, d *deployment, data *enrich.Data) error {
	if !u.demo || u.demoState.Filled {
		return nil
	}
	began := time.Now()
	countryDB, _, err := dataFiles(u.config.Data)
	if err != nil {
		return err
	}
	bar := progress(u.err, "demo clicks")
	f := &demo.Filler{
		CH: d.CH, Directory: d.Directory, Enrich: data, CountryDB: countryDB, Log: u.log,
		Progress: func(done, total uint64) {
			bar.ChangeMax64(int64(total))
			bar.Set64(int64(done))
		},
	}
	filled, err := f.Fill(ctx, u.demoState)
	bar.Finish()
	if err != nil {
		return err
	}
	u.demoState.Filled = true
	if err := u.demoState.Save(u.config.Dir); err != nil {
		return err
	}
	u.announce("demo", fmt.Sprintf("%d clicks, %d conversions of a year", filled.Clicks, filled.Conversions), began)
	return nil
}

// progress is a bar on a terminal and silence elsewhere.
func progress(w io.Writer, what string) *progressbar.ProgressBar {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return progressbar.DefaultSilent(1, what)
	}
	return progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(f), progressbar.OptionSetDescription("  "+what), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetWidth(30), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

// firstMinutes prints what a newcomer needs next.
func (u *up) firstMinutes(ctx context.Context, d *deployment) error {
	line := func(what, format string, args ...any) {
		fmt.Fprintf(u.out, "  %-12s %s\n", what, fmt.Sprintf(format, args...))
	}
	if u.demo {
		line("a link", "%s/%s", d.RedirectorURL, demo.PartnerSlug())
		line("partner", "%s  %s  %s", d.DashboardURL, demo.PartnerEmail(), u.demoState.Password)
		line("admin", "%s  %s  %s", d.DashboardURL, demo.AdminEmail, u.demoState.Password)
		line("API key", "%s", u.demoState.Key)
		line("a sale", "%s", firstSale(d.RedirectorURL, u.demoState.Key))
	} else {
		line("dashboard", "%s", d.DashboardURL)
		has, err := d.Directory.HasAdmin(ctx)
		if err != nil {
			return err
		}
		if !has {
			code, err := d.Directory.SetupCode(ctx, directory.System)
			if err != nil {
				return err
			}
			line("set up", "%s/setup?code=%s  (once, to become the first admin)", d.DashboardURL, code)
		}
		line("a partner", "fairlead partner add --name Ada --email ada@example.com%s", u.dirFlag())
	}
	line("analyst", "%s and %s, after fairlead analyst add --name eva%s", d.Config.ClickHouse.HTTPURL, d.Config.ClickHouse.Addrs[0], u.dirFlag())
	fmt.Fprintf(u.out, "\nCtrl-C stops everything.\n")
	return nil
}

// firstSale is a command that reports a sale; the coupon credits the partner whose log-in stands above it.
func firstSale(redirector, key string) string {
	return fmt.Sprintf(`curl -sS %s/track/sale -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' `+
		`-d '{"customerExternalId":"you","amount":4900,"currency":"usd","invoiceId":"first-'$(date +%%s)'","coupon":"%s"}'`,
		redirector, key, demo.PartnerCoupon())
}

// dirFlag is the flag that makes another command find this deployment.
func (u *up) dirFlag() string {
	if u.dirGiven == configs.Default("dir") {
		return ""
	}
	return " --dir " + u.dirGiven
}
