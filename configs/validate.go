package configs

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// Mistakes are all the things wrong with a configuration, one sentence each.
type Mistakes []string

func (m Mistakes) Error() string {
	if len(m) == 1 {
		return "the configuration has a mistake: " + m[0]
	}
	return fmt.Sprintf("the configuration has %d mistakes:\n  - %s", len(m), strings.Join(m, "\n  - "))
}

// Validate reports every value that cannot work, whichever component would meet it.
func (c *Config) Validate() Mistakes {
	var m Mistakes
	bad := func(key string, value any, want string) {
		m = append(m, fmt.Sprintf("%s is %q: %s", key, fmt.Sprint(value), want))
	}
	if c.Dir == "" {
		bad("dir", c.Dir, "name a folder")
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		bad("log.level", c.Log.Level, "debug, info, warn or error")
	}
	if !slices.Contains([]string{"text", "json"}, c.Log.Format) {
		bad("log.format", c.Log.Format, "text or json")
	}
	for key, addr := range map[string]string{
		"redirector.listen": c.Redirector.Listen, "dashboard.listen": c.Dashboard.Listen, "ops.listen": c.Ops.Listen,
	} {
		if why := checkListen(addr); why != "" {
			bad(key, addr, why)
		}
	}
	for key, raw := range map[string]string{
		"redirector.public_url": c.Redirector.PublicURL, "dashboard.public_url": c.Dashboard.PublicURL,
	} {
		if why := checkPublicURL(raw); why != "" {
			bad(key, raw, why)
		}
	}
	for key, list := range map[string][]string{
		"redirector.trusted_proxies": c.Redirector.TrustedProxies, "dashboard.trusted_proxies": c.Dashboard.TrustedProxies,
	} {
		for _, n := range list {
			if _, err := netip.ParsePrefix(n); err != nil {
				bad(key, n, "a network such as 10.0.0.0/8 or fd00::/8")
			}
		}
	}
	if (c.Redirector.TLSCert == "") != (c.Redirector.TLSKey == "") {
		bad("redirector.tls_cert", c.Redirector.TLSCert, "certificate and key go together; set both or none")
	}
	for key, file := range map[string]string{"redirector.tls_cert": c.Redirector.TLSCert, "redirector.tls_key": c.Redirector.TLSKey} {
		if file == "" {
			continue
		}
		if _, err := os.Stat(file); err != nil {
			bad(key, file, "the file cannot be read")
		}
	}
	if n := c.Redirector.PerAddress; n < 0 {
		bad("redirector.connections_per_address", n, "a number of connections, or 0 for no bound")
	}
	j := c.Redirector.Journal
	for key, size := range map[string]struct{ segment, most int64 }{
		"redirector.journal":  {j.SegmentBytes, j.MaxBytes},
		"conversions.journal": {c.Conversions.Journal.SegmentBytes, c.Conversions.Journal.MaxBytes},
	} {
		if size.segment < 1<<20 || size.segment > 1<<30 || size.segment%4096 != 0 {
			bad(key+".segment_bytes", size.segment, "a multiple of 4096 from 1048576 to 1073741824")
		}
		if size.most != 0 && size.most < 3*size.segment {
			bad(key+".max_bytes", size.most, "0, or at least three segments")
		}
	}
	if j.SyncEvery < time.Millisecond || j.SyncEvery > 10*time.Second {
		bad("redirector.journal.sync_every", j.SyncEvery, "from 1ms to 10s")
	}
	for key, d := range map[string]time.Duration{"redirector.drain": c.Redirector.Drain, "redirector.ship_deadline": c.Redirector.ShipDeadline} {
		if d < 0 || d > 10*time.Minute {
			bad(key, d, "from 0s to 10m")
		}
	}
	if r := c.Redirector; r.Leave != auto {
		if d, err := time.ParseDuration(r.Leave); err != nil || d < 0 || d > 10*time.Minute {
			bad("redirector.leave", r.Leave, "auto, or from 0s to 10m")
		}
	}
	for key, port := range map[string]int{"clickhouse.port": c.ClickHouse.Port, "clickhouse.http_port": c.ClickHouse.HTTPPort, "redis.port": c.Redis.Port} {
		if port < 0 || port > 65535 {
			bad(key, port, "a port from 1 to 65535, or 0 for a free one")
		}
	}
	for key, list := range map[string][]string{"clickhouse.addrs": c.ClickHouse.Addrs, "redis.addrs": c.Redis.Addrs} {
		for _, a := range list {
			if _, _, err := net.SplitHostPort(a); err != nil {
				bad(key, a, "host:port")
			}
		}
	}
	for key, list := range map[string][]string{
		"conversions.stripe_secrets": c.Conversions.StripeSecrets, "conversions.shopify_secrets": c.Conversions.ShopifySecrets,
		"conversions.postback_secrets": c.Conversions.PostbackSecrets, "payouts.stripe.connect_secrets": c.Payouts.Stripe.ConnectSecrets,
	} {
		for _, secret := range list {
			if why := checkSecret(key, secret); why != "" {
				bad(key, mask, why)
			}
		}
	}
	for _, secret := range c.Payouts.Stripe.ConnectSecrets {
		if slices.Contains(c.Conversions.StripeSecrets, secret) {
			bad("payouts.stripe.connect_secrets", mask, "the endpoint for connected accounts has a secret of its own; this one stands in conversions.stripe_secrets, and what it signs would count as no sale")
		}
	}
	if d := c.Deliveries.Timeout; d < time.Second || d > 15*time.Second {
		bad("deliveries.timeout", d, "from 1s to 15s")
	}
	if c.Deliveries.AllowLoopback && c.reached() {
		bad("deliveries.allow_loopback", true, "false where other machines reach a listener or a public_url is set: whoever enters an address could have this machine's own services called")
	}
	c.Payouts.check(bad)
	if c.Redis.Prefix == "" || strings.ContainsAny(c.Redis.Prefix, "{}* \t\n") {
		bad("redis.prefix", c.Redis.Prefix, "a few letters and a colon, without braces or spaces")
	}
	slices.Sort(m)
	return m
}

// payoutKey is the form of the key that payout details are sealed with.
var payoutKey = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

// check says what is wrong with how partners are paid, without repeating secrets.
func (p Payouts) check(bad func(key string, value any, want string)) {
	if p.TwoApprovalsAbove < 0 {
		bad("payouts.two_approvals_above", p.TwoApprovalsAbove, "an amount in minor units, or 0")
	}
	if p.EncryptionKey != "" && !payoutKey.MatchString(p.EncryptionKey) {
		bad("payouts.encryption_key", mask, "64 hexadecimal digits, as `openssl rand -hex 32` draws them")
	}
	if p.EncryptionKey != "" && p.EncryptionKeyFile != "" {
		bad("payouts.encryption_key_file", p.EncryptionKeyFile, "the key or the file that holds it, not both")
	}
	if k := p.Stripe.SecretKey; k != "" && (len(k) < shortestSecret || !strings.HasPrefix(k, "sk_") && !strings.HasPrefix(k, "rk_")) {
		bad("payouts.stripe.secret_key", mask, "a secret or restricted API key of Stripe's begins with sk_ or rk_; neither a publishable key nor the secret of a webhook endpoint pays anybody")
	}
	if (p.PayPal.ClientID == "") != (p.PayPal.Secret == "") {
		bad("payouts.paypal.client_id", p.PayPal.ClientID, "the id and the secret of an app go together; set both or none")
	}
}

// shortestSecret is how many characters a secret that signs messages has at least.
const shortestSecret = 16

// checkSecret says what is wrong with a secret, without repeating it.
func checkSecret(key, secret string) string {
	switch {
	case secret == mask:
		return "that is what `fairlead config print` shows in a secret's place: write the secret itself"
	case strings.ContainsAny(secret, " \t\r\n"):
		return "a secret has no spaces in it"
	case len(secret) < shortestSecret:
		return fmt.Sprintf("a secret has at least %d characters", shortestSecret)
	case (key == "conversions.stripe_secrets" || key == "payouts.stripe.connect_secrets") && !strings.HasPrefix(secret, "whsec_"):
		return "the signing secret of a webhook endpoint begins with whsec_; an API key of Stripe's does not sign anything"
	}
	return ""
}

// reached reports whether the deployment is, or says that it is, reached from other machines.
func (c *Config) reached() bool {
	for _, listen := range []string{c.Redirector.Listen, c.Dashboard.Listen} {
		if IsPublic(listen) {
			return true
		}
	}
	for _, public := range []string{c.Redirector.PublicURL, c.Dashboard.PublicURL} {
		if u, err := url.Parse(public); public != "" && (err != nil || IsPublic(net.JoinHostPort(u.Hostname(), "1"))) {
			return true
		}
	}
	return false
}

// IsPublic reports whether an address to listen on can be reached from other machines.
func IsPublic(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return false
	}
	a, err := netip.ParseAddr(host)
	return err != nil || !a.IsLoopback()
}

func checkListen(addr string) string {
	const want = "host:port, such as 127.0.0.1:8080"
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return want
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return "the port is a number from 0 to 65535"
	}
	return ""
}

func checkPublicURL(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return "https:// and a host, without a path"
	}
	switch u.Scheme {
	case "https":
		return ""
	case "http":
		host := u.Host
		if u.Port() == "" {
			host += ":80"
		}
		if !IsPublic(host) {
			return ""
		}
	}
	return "https; http is for loopback addresses only"
}

// commaList reads lists as the environment and flags give them: "a,b".
func commaList(from, to reflect.Type, value any) (any, error) {
	if from.Kind() != reflect.String || to.Kind() != reflect.Slice {
		return value, nil
	}
	out := []string{}
	for part := range strings.SplitSeq(value.(string), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out, nil
}

// flatten turns a decoder's joined errors into a sentence each.
func flatten(v *viper.Viper, err error) Mistakes {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		var out Mistakes
		for _, e := range joined.Unwrap() {
			out = append(out, flatten(v, e)...)
		}
		return out
	}
	var field *mapstructure.DecodeError
	if errors.As(err, &field) {
		value := fmt.Sprint(v.Get(field.Name()))
		if secrets[field.Name()] {
			value = mask
		}
		return Mistakes{fmt.Sprintf("%s is %q: that cannot be read; default.yaml shows the form", field.Name(), value)}
	}
	return Mistakes{strings.TrimSpace(err.Error())}
}

// nearest suggests the known key that differs least from a misspelt one.
func nearest(key string, known []string) string {
	best, least := "", len(key)/2+1
	for _, k := range known {
		if d := distance(key, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is Levenshtein's edit distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
