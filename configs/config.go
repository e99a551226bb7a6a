// Package configs reads a process's settings: defaults, then a YAML file, the environment and flags,
// each over the one before. It reports every mistake at once and refuses keys it does not know, so
// that a misspelt setting never silently means its default.
package configs

import (
	_ "embed"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// DefaultYAML is the documented default configuration.
//
//go:embed default.yaml
var DefaultYAML string

// Config is everything that one process is told. Fields are documented in default.yaml.
type Config struct {
	Dir         string      `mapstructure:"dir"`
	Log         Log         `mapstructure:"log"`
	Redirector  Redirector  `mapstructure:"redirector"`
	Conversions Conversions `mapstructure:"conversions"`
	Dashboard   Dashboard   `mapstructure:"dashboard"`
	Ops         Ops         `mapstructure:"ops"`
	ClickHouse  ClickHouse  `mapstructure:"clickhouse"`
	Redis       Redis       `mapstructure:"redis"`
	Data        Data        `mapstructure:"data"`
	Aggregator  Aggregator  `mapstructure:"aggregator"`
	Deliveries  Deliveries  `mapstructure:"deliveries"`
	Payouts     Payouts     `mapstructure:"payouts"`
	Program     Program     `mapstructure:"program"`
}

// Log says how the process speaks to its operator.
type Log struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// Redirector is the edge.
type Redirector struct {
	Listen         string        `mapstructure:"listen"`
	PublicURL      string        `mapstructure:"public_url"`
	TLSCert        string        `mapstructure:"tls_cert"`
	TLSKey         string        `mapstructure:"tls_key"`
	TrustedProxies []string      `mapstructure:"trusted_proxies"`
	PerAddress     int           `mapstructure:"connections_per_address"` // 0: any number
	Leave          string        `mapstructure:"leave"`
	Drain          time.Duration `mapstructure:"drain"`
	ShipDeadline   time.Duration `mapstructure:"ship_deadline"`
	Journal        Journal       `mapstructure:"journal"`
}

// URL is the address that partners share, without a slash at its end.
func (r Redirector) URL() string { return publicURL(r.PublicURL, r.Listen, r.TLSCert != "") }

// leaveTime is how long a redirector that other machines reach says that it leaves before it does: some
// balancers ask every 2 s and believe the second answer.
const leaveTime = 5 * time.Second

// LeaveTime is how long the redirector goes on answering when it has said that it is not ready any more.
// On a loopback address, where nobody balances, it does not wait unless it is told to.
func (r Redirector) LeaveTime() time.Duration {
	if r.Leave == auto {
		if IsPublic(r.Listen) {
			return leaveTime
		}
		return 0
	}
	d, _ := time.ParseDuration(r.Leave) // Validate has read it
	return d
}

// auto is the value of settings that follow from others.
const auto = "auto"

// Journal is the redirector's log of clicks.
type Journal struct {
	SegmentBytes int64         `mapstructure:"segment_bytes"`
	MaxBytes     int64         `mapstructure:"max_bytes"`
	SyncEvery    time.Duration `mapstructure:"sync_every"`
}

// Conversions is how a redirector takes what merchants report.
type Conversions struct {
	Journal         ConversionJournal `mapstructure:"journal"`
	StripeSecrets   []string          `mapstructure:"stripe_secrets"`
	ShopifySecrets  []string          `mapstructure:"shopify_secrets"`
	PostbackSecrets []string          `mapstructure:"postback_secrets"`
}

// ConversionJournal is the redirector's log of conversions. Each is synced before it is answered.
type ConversionJournal struct {
	SegmentBytes int64 `mapstructure:"segment_bytes"`
	MaxBytes     int64 `mapstructure:"max_bytes"`
}

// Dashboard is the pages.
type Dashboard struct {
	Listen         string   `mapstructure:"listen"`
	PublicURL      string   `mapstructure:"public_url"`
	TrustedProxies []string `mapstructure:"trusted_proxies"`
}

// URL is the address of the pages, without a slash at its end.
func (d Dashboard) URL() string { return publicURL(d.PublicURL, d.Listen, false) }

// Ops is the operator's private listener.
type Ops struct {
	Listen string `mapstructure:"listen"`
}

// ClickHouse is where the facts are.
type ClickHouse struct {
	Addrs    []string `mapstructure:"addrs"`
	HTTPURL  string   `mapstructure:"http_url"`
	User     string   `mapstructure:"user"`
	Password string   `mapstructure:"password"`
	Secure   bool     `mapstructure:"secure"`
	Cluster  string   `mapstructure:"cluster"`
	Port     int      `mapstructure:"port"`
	HTTPPort int      `mapstructure:"http_port"`
	Library  string   `mapstructure:"library"`
	Binary   string   `mapstructure:"binary"`
}

// Redis is where the directory and the live counters are.
type Redis struct {
	Addrs      []string `mapstructure:"addrs"`
	MasterName string   `mapstructure:"master_name"`
	User       string   `mapstructure:"user"`
	Password   string   `mapstructure:"password"`
	DB         int      `mapstructure:"db"`
	Secure     bool     `mapstructure:"secure"`
	Prefix     string   `mapstructure:"prefix"`
	Port       int      `mapstructure:"port"`
	Binary     string   `mapstructure:"binary"`
}

// Data names the files that enrich clicks.
type Data struct {
	Country  string `mapstructure:"country"`
	Crawlers string `mapstructure:"crawlers"`
}

// Aggregator is the clockwork.
type Aggregator struct {
	Jobs map[string]string `mapstructure:"jobs"`
}

// Deliveries is how merchants' webhooks and partners' trackers are told of decisions.
type Deliveries struct {
	Timeout       time.Duration `mapstructure:"timeout"`
	AllowLoopback bool          `mapstructure:"allow_loopback"`
}

// Payouts is how partners are paid, and what their details are sealed with.
type Payouts struct {
	EncryptionKey     string        `mapstructure:"encryption_key"`
	EncryptionKeyFile string        `mapstructure:"encryption_key_file"`
	AutoApprove       bool          `mapstructure:"auto_approve"`
	TwoApprovalsAbove int64         `mapstructure:"two_approvals_above"`
	Stripe            PayoutsStripe `mapstructure:"stripe"`
	PayPal            PayoutsPayPal `mapstructure:"paypal"`
}

// PayoutsStripe is the merchant's account at Stripe, of which partners' accounts are connected ones.
type PayoutsStripe struct {
	SecretKey      string   `mapstructure:"secret_key"`
	ConnectSecrets []string `mapstructure:"connect_secrets"`
}

// PayoutsPayPal is the merchant's app at PayPal.
type PayoutsPayPal struct {
	ClientID string `mapstructure:"client_id"`
	Secret   string `mapstructure:"secret"`
	Sandbox  bool   `mapstructure:"sandbox"`
}

// Program seeds the program's settings at the first start.
type Program struct {
	Name           string   `mapstructure:"name"`
	Homepage       string   `mapstructure:"homepage"`
	AllowedDomains []string `mapstructure:"allowed_domains"`
	Currency       string   `mapstructure:"currency"`
	Zone           string   `mapstructure:"zone"`
	WindowDays     int      `mapstructure:"window_days"`
	Touch          string   `mapstructure:"touch"`
	HoldDays       int      `mapstructure:"hold_days"`
	PayoutDay      int      `mapstructure:"payout_day"`
	PayoutMinimum  int64    `mapstructure:"payout_minimum"`
	Param          string   `mapstructure:"param"`
	AlsoParam      string   `mapstructure:"also_param"`
	SlugCase       string   `mapstructure:"slug_case"`
	SaleBase       string   `mapstructure:"sale_base"`
	RespectGPC     bool     `mapstructure:"respect_gpc"`
}

// envPrefix begins the name of every setting in the environment.
const envPrefix = "FAIRLEAD_"

// notSettings are names with the prefix that mean something else: how the program and its tests start.
var notSettings = []string{"FAIRLEAD_CONFIG", "FAIRLEAD_CHAOS", "FAIRLEAD_SCREENSHOTS"}

// Load reads the settings. file may be empty. flags maps keys ("redirector.listen") to flags, which
// count only when they were given. environ is os.Environ's form. The error is a Mistakes.
func Load(file string, flags map[string]*pflag.Flag, environ []string) (Config, error) {
	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(strings.NewReader(DefaultYAML)); err != nil {
		panic("BUG: default.yaml: " + err.Error())
	}
	known := v.AllKeys()
	var mistakes Mistakes
	if file != "" {
		mistakes = append(mistakes, overlayFile(v, file, known)...)
	}
	mistakes = append(mistakes, overlayEnv(v, environ, known)...)
	for key, f := range flags {
		if f != nil && f.Changed {
			v.Set(key, f.Value.String())
		}
	}
	var c Config
	decode := mapstructure.ComposeDecodeHookFunc(
		mapstructure.StringToTimeDurationHookFunc(), commaList)
	err := v.Unmarshal(&c, func(dc *mapstructure.DecoderConfig) {
		dc.DecodeHook, dc.ErrorUnused, dc.WeaklyTypedInput = decode, true, true
	})
	if err != nil {
		mistakes = append(mistakes, flatten(v, err)...)
	}
	if len(mistakes) == 0 {
		mistakes = c.Validate()
	}
	if len(mistakes) > 0 {
		return Config{}, mistakes
	}
	return c, nil
}

func overlayFile(v *viper.Viper, file string, known []string) Mistakes {
	f := viper.New()
	f.SetConfigFile(file)
	f.SetConfigType("yaml")
	if err := f.ReadInConfig(); err != nil {
		if os.IsNotExist(err) {
			return Mistakes{fmt.Sprintf("configuration file %s does not exist", file)}
		}
		return Mistakes{fmt.Sprintf("configuration file %s: %v", file, err)}
	}
	var out Mistakes
	for _, key := range f.AllKeys() {
		if slices.Contains(known, key) {
			v.Set(key, f.Get(key))
			continue
		}
		out = append(out, fmt.Sprintf("%s: unknown key %q%s", file, key, nearest(key, known)))
	}
	slices.Sort(out)
	return out
}

func overlayEnv(v *viper.Viper, environ, known []string) Mistakes {
	names := make(map[string]string, len(known))
	for _, key := range known {
		names[EnvName(key)] = key
	}
	var out Mistakes
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) || slices.Contains(notSettings, name) {
			continue
		}
		if key, ok := names[name]; ok {
			v.Set(key, value)
			continue
		}
		out = append(out, fmt.Sprintf("environment: unknown variable %s", name))
	}
	slices.Sort(out)
	return out
}

// EnvName returns the environment variable of a key: "redis.addrs" is FAIRLEAD_REDIS_ADDRS.
func EnvName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func publicURL(public, listen string, tls bool) string {
	switch {
	case public != "":
		return strings.TrimRight(public, "/")
	case tls:
		return "https://" + listen
	}
	return "http://" + listen
}

// Default returns a key's default as text, for a flag's usage; an unknown key is a bug.
func Default(key string) string {
	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(strings.NewReader(DefaultYAML)); err != nil || !v.IsSet(key) {
		panic("BUG: no default for " + key)
	}
	return v.GetString(key)
}
