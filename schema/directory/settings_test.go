package directory

import (
	"strings"
	"testing"
	_ "time/tzdata"

	"fairlead/schema"
)

// set applies one setting to the default program, as the command line does.
func set(key, value string, loopback bool) (schema.Program, error) {
	p := DefaultProgram()
	s, err := FindSetting(key)
	if err != nil {
		return p, err
	}
	if err := s.Set(&p, value); err != nil {
		return p, err
	}
	return CheckProgram(p, loopback)
}

func TestSettingsThatAreTaken(t *testing.T) {
	f := func(key, value, want string) {
		t.Helper()
		p, err := set(key, value, false)
		if err != nil {
			t.Errorf("%s=%s: %v", key, value, err)
			return
		}
		s, _ := FindSetting(key)
		if got := s.Get(p); got != want {
			t.Errorf("%s=%s: got %q, want %q", key, value, got, want)
		}
	}
	f("name", " Ada's shop ", "Ada's shop")
	f("homepage", "HTTPS://Shop.example", "https://shop.example/")
	f("homepage", "https://www.shop.example/start?a=1", "https://www.shop.example/start?a=1")
	f("allowed_domains", "shop.example, Apps.Example/Our-App ,,shop.example.", "shop.example,apps.example/Our-App")
	f("currency", "eur", "EUR")
	f("zone", "Europe/Berlin", "Europe/Berlin")
	f("zone", "Asia/Kathmandu", "Asia/Kathmandu")
	f("window_days", "1", "1")
	f("window_days", "730", "730")
	f("touch", "first", "first")
	f("hold_days", "0", "0")
	f("payout_day", "28", "28")
	f("payout_minimum", "0", "0.00 USD")
	f("payout_minimum", "25", "25.00 USD")
	f("payout_minimum", "25.5", "25.50 USD")
	f("payout_minimum", "25.05 USD", "25.05 USD")
	f("param", "click_id", "click_id")
	f("also_param", "via", "via")
	f("also_param", "", "")
	f("respect_gpc", "false", "false")
	f("legal_name", " Shop & Co. Ltd ", "Shop & Co. Ltd")
	f("legal_address", "1 Way\r\nTown\n", "1 Way\nTown")
	f("tax_id", "DE 123", "DE 123")
	f("tax_id", "", "")
}

// The error names the key, the value and what is allowed.
func TestSettingsThatAreRefused(t *testing.T) {
	f := func(key, value string, want ...string) {
		t.Helper()
		_, err := set(key, value, false)
		refused(t, err, Invalid, key)
		for _, s := range want {
			if err != nil && !strings.Contains(err.Error(), s) {
				t.Errorf("%s=%s: got %q, want it to hold %q", key, value, err, s)
			}
		}
	}
	f("colour", "red", `no setting "colour"`, "payout_minimum")
	f("demo", "true", `no setting "demo"`)
	f("name", "  ", "name is missing")
	f("homepage", "", "homepage")
	f("homepage", "http://shop.example/", "homepage", "http://shop.example/", "https")
	f("homepage", "https://evil.example/", "homepage", "https://evil.example/", "allowed_domains (shop.example)")
	f("homepage", "javascript:alert(1)", "homepage")
	f("allowed_domains", "", "empty")
	f("allowed_domains", "https://shop.example", "leave https:// away")
	f("allowed_domains", "shop.example,*.shop.example", "*.shop.example", "shop.example, optionally with a path")
	f("allowed_domains", "shop.example,co.uk", `"co.uk"`, "public suffix")
	f("allowed_domains", "shop.example,com", "public suffix")
	f("currency", "USDT", `"USDT"`, "ISO 4217")
	f("currency", "XAU", "XAU")
	f("currency", "DEM", "DEM")
	f("zone", "Mars/Olympus", "Mars/Olympus", "Europe/Berlin")
	f("zone", "", "IANA")
	f("zone", "Local", "Local")
	f("zone", "../../etc/passwd", "IANA")
	f("window_days", "0", "window_days", "0", "1 and 730")
	f("window_days", "x", "window_days", `"x"`, "whole number")
	f("hold_days", "366", "0 and 365")
	f("payout_day", "29", "payout_day 29", "1 and 28")
	f("payout_day", "0", "1 and 28")
	f("touch", "middle", "touch", "middle", "neither last nor first")
	f("legal_name", "Shop\nand more", "The legal name holds characters that are not text")
	f("legal_address", "1 Way\x00", "not text")
	f("legal_address", strings.Repeat("a", 501), "longer than 500 characters")
	f("tax_id", strings.Repeat("1", 51), "longer than 50 characters")
	f("payout_minimum", "-1", `"-1"`, "25.00 USD")
	f("payout_minimum", "25.005", "25.005")
	f("payout_minimum", "25,00", "25,00")
	f("payout_minimum", "25 EUR", "25 EUR")
	f("payout_minimum", "1e3", "1e3")
	f("payout_minimum", "99999999999999999999", "more than")
	f("payout_minimum", ".5", ".5")
	f("payout_minimum", "5.", "5.")
	f("param", "", "param", "1 to 32")
	f("param", "a b", "a b")
	f("param", "a&b=c", "a&b=c")
	f("param", "1a", "begins with a letter")
	f("param", "url", "means something else")
	f("param", "utm_source", "means something else")
	f("param", "sub_id3", "means something else")
	f("param", "SubId", "means something else")
	f("param", "aff_sub5", "means something else")
	f("also_param", "FL_CLICK", "param's name")
	f("also_param", "sid", "means something else")
	f("respect_gpc", "maybe", "maybe", "true nor false")
}

func TestADemoMayBeOnThisMachine(t *testing.T) {
	p := DefaultProgram()
	p.AllowedDomains, p.Homepage = []string{"127.0.0.1"}, "http://127.0.0.1:8070/"
	if _, err := CheckProgram(p, false); err == nil {
		t.Error("http on loopback is allowed without a demo")
	}
	if _, err := CheckProgram(p, true); err != nil {
		t.Error(err)
	}
	p.Demo = true
	if _, err := CheckProgram(p, false); err != nil {
		t.Error(err)
	}
}
