package configs

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

func TestDefaultsAreValid(t *testing.T) {
	c, err := Load("", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Redirector.URL(), "http://127.0.0.1:8080"; got != want {
		t.Errorf("redirector URL: got %q, want %q", got, want)
	}
	if got, want := c.Redirector.Journal.SyncEvery, 100*time.Millisecond; got != want {
		t.Errorf("sync_every: got %v, want %v", got, want)
	}
	if got, want := c.Program.AllowedDomains, []string{"shop.example"}; !cmp.Equal(got, want) {
		t.Errorf("allowed_domains: got %v, want %v", got, want)
	}
}

func TestEachLayerWinsOverTheOneBefore(t *testing.T) {
	flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
	flags.String("listen", "unused default", "")
	load := func(file string, environ ...string) Config {
		t.Helper()
		c, err := Load(file, map[string]*pflag.Flag{"redirector.listen": flags.Lookup("listen")}, environ)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	f := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	f("default", load("").Redirector.Listen, "127.0.0.1:8080")
	f("file", load("testdata/good.yaml").Redirector.Listen, "0.0.0.0:443")
	f("environment", load("testdata/good.yaml", "FAIRLEAD_REDIRECTOR_LISTEN=0.0.0.0:1").Redirector.Listen, "0.0.0.0:1")
	flags.Set("listen", "0.0.0.0:2")
	f("flag", load("testdata/good.yaml", "FAIRLEAD_REDIRECTOR_LISTEN=0.0.0.0:1").Redirector.Listen, "0.0.0.0:2")

	c := load("testdata/good.yaml", "FAIRLEAD_REDIS_ADDRS=a:1, b:2", "HOME=/root")
	f("list from the environment", strings.Join(c.Redis.Addrs, "|"), "a:1|b:2")
	f("public URL without its slash", c.Redirector.URL(), "https://go.example")
	f("job from the file", c.Aggregator.Jobs["rollup"], "*/2 * * * *")
	f("job left at its default", c.Aggregator.Jobs["heal"], "@every 10s")
}

func TestMistakesAreListedAllAtOnce(t *testing.T) {
	f := func(file, env string, want ...string) {
		t.Helper()
		var environ []string
		if env != "" {
			environ = append(environ, env)
		}
		_, err := Load(file, nil, environ)
		if diff := cmp.Diff(Mistakes(want), err); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", file, env, diff)
		}
	}
	f("testdata/none.yaml", "", "configuration file testdata/none.yaml does not exist")
	f("testdata/bad-unknown-key.yaml", "",
		`testdata/bad-unknown-key.yaml: unknown key "redirector.lisen"; did you mean "redirector.listen"?`)
	f("", "FAIRLEAD_REDIRECTOR_LISTN=x", "environment: unknown variable FAIRLEAD_REDIRECTOR_LISTN")
	f("testdata/bad-many.yaml", "",
		`conversions.journal.max_bytes is "9000": 0, or at least three segments`,
		`conversions.journal.segment_bytes is "5000": a multiple of 4096 from 1048576 to 1073741824`,
		`conversions.postback_secrets is "••••": a secret has at least 16 characters`,
		`conversions.shopify_secrets is "••••": a secret has no spaces in it`,
		"conversions.shopify_secrets is \"••••\": that is what `fairlead config print` shows in a secret's place: write the secret itself",
		`conversions.stripe_secrets is "••••": the signing secret of a webhook endpoint begins with whsec_; an API key of Stripe's does not sign anything`,
		`deliveries.allow_loopback is "true": false where other machines reach a listener or a public_url is set: whoever enters an address could have this machine's own services called`,
		`deliveries.timeout is "1m0s": from 1s to 15s`,
		`log.level is "loud": debug, info, warn or error`,
		`payouts.encryption_key is "••••": 64 hexadecimal digits, as `+"`openssl rand -hex 32` draws them",
		`payouts.encryption_key_file is "/etc/fairlead/payout.key": the key or the file that holds it, not both`,
		`payouts.paypal.client_id is "app": the id and the secret of an app go together; set both or none`,
		`payouts.stripe.connect_secrets is "••••": the endpoint for connected accounts has a secret of its own; this one stands in conversions.stripe_secrets, and what it signs would count as no sale`,
		`payouts.stripe.connect_secrets is "••••": the signing secret of a webhook endpoint begins with whsec_; an API key of Stripe's does not sign anything`,
		`payouts.stripe.secret_key is "••••": a secret or restricted API key of Stripe's begins with sk_ or rk_; neither a publishable key nor the secret of a webhook endpoint pays anybody`,
		`payouts.two_approvals_above is "-1": an amount in minor units, or 0`,
		`redirector.connections_per_address is "-1": a number of connections, or 0 for no bound`,
		`redirector.journal.sync_every is "1h0m0s": from 1ms to 10s`,
		`redirector.leave is "soon": auto, or from 0s to 10m`,
		`redirector.listen is "8080": host:port, such as 127.0.0.1:8080`,
		`redirector.public_url is "http://go.example": https; http is for loopback addresses only`,
		`redirector.trusted_proxies is "10.0.0.1": a network such as 10.0.0.0/8 or fd00::/8`,
		`redis.prefix is "{x}": a few letters and a colon, without braces or spaces`)
}

func TestAWrongTypeNamesItsKey(t *testing.T) {
	_, err := Load("testdata/bad-type.yaml", nil, nil)
	for _, want := range []string{"clickhouse.port", "redirector.drain", "conversions.stripe_secrets"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error repeats a secret: %v", err)
	}
}

func TestPrintMasksSecretsAndReadsBack(t *testing.T) {
	c, err := Load("testdata/good.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := c.Print()
	for _, masked := range []string{`password: "••••"`, `stripe_secrets: ["••••", "••••"]`, `shopify_secrets: ["••••"]`, `postback_secrets: []`,
		`encryption_key: "••••"`, `secret_key: "••••"`, `connect_secrets: ["••••"]`, `secret: "••••"`} {
		if strings.Contains(out, "s3cret") || strings.Contains(out, "53c2e7") || !strings.Contains(out, masked) {
			t.Errorf("want %s, and no secret:\n%s", masked, out)
		}
	}
	file := t.TempDir() + "/printed.yaml"
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file, nil, nil); err == nil {
		t.Error("a mask is taken for a secret that signs")
	}
	c.Conversions.StripeSecrets, c.Conversions.ShopifySecrets, c.Payouts = []string{}, []string{}, Payouts{Stripe: PayoutsStripe{ConnectSecrets: []string{}}}
	if err := os.WriteFile(file, []byte(c.Print()), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Load(file, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.ClickHouse.Password = c.ClickHouse.Password
	if diff := cmp.Diff(c, again); diff != "" {
		t.Errorf("printed configuration reads differently (-want +got):\n%s", diff)
	}
}

func TestOnlyWhatOthersReachWaitsWhenItLeaves(t *testing.T) {
	f := func(listen, leave string, want time.Duration) {
		t.Helper()
		c, err := Load("", nil, []string{"FAIRLEAD_REDIRECTOR_LISTEN=" + listen, "FAIRLEAD_REDIRECTOR_LEAVE=" + leave})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Redirector.LeaveTime(); got != want {
			t.Errorf("%s with leave %s: got %v, want %v", listen, leave, got, want)
		}
	}
	f("127.0.0.1:80", "auto", 0)
	f("0.0.0.0:80", "auto", 5*time.Second)
	f("127.0.0.1:80", "10s", 10*time.Second)
	f("0.0.0.0:80", "0s", 0)
}

func TestLoopbackIsSentToOnlyWhereNobodyElseComes(t *testing.T) {
	f := func(want bool, environ ...string) {
		t.Helper()
		if _, err := Load("", nil, append(environ, "FAIRLEAD_DELIVERIES_ALLOW_LOOPBACK=true")); (err == nil) != want {
			t.Errorf("%v: got %v, want it allowed: %v", environ, err, want)
		}
	}
	f(true)
	f(true, "FAIRLEAD_REDIRECTOR_PUBLIC_URL=http://localhost:8080")
	f(false, "FAIRLEAD_REDIRECTOR_LISTEN=0.0.0.0:8080")
	f(false, "FAIRLEAD_DASHBOARD_LISTEN=:8090")
	f(false, "FAIRLEAD_DASHBOARD_PUBLIC_URL=https://partners.example")
	f(false, "FAIRLEAD_REDIRECTOR_PUBLIC_URL=https://go.example")
}

func TestLoopbackIsNotPublic(t *testing.T) {
	f := func(listen string, want bool) {
		t.Helper()
		if got := IsPublic(listen); got != want {
			t.Errorf("IsPublic(%q): got %v, want %v", listen, got, want)
		}
	}
	f("127.0.0.1:80", false)
	f("[::1]:80", false)
	f("localhost:80", false)
	f("0.0.0.0:80", true)
	f(":80", true)
	f("10.1.2.3:80", true)
}
