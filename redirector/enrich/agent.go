package enrich

import (
	"strings"

	"github.com/mileusna/useragent"

	"fairlead/schema"
)

// agent is what a User-Agent tells.
type agent struct {
	device, os, browser string
	bot                 string // why it is a bot's; "" it is not
	claims              claim
}

// claim is what a browser of that name and age would have sent.
type claim uint8

const (
	claimsBrowser  claim = 1 << iota // any browser: Accept and Accept-Language with every navigation
	claimsSecFetch                   // Sec-Fetch-* over https: Chromium 76, Firefox 90, Safari 16.4; a margin is left
)

// The reasons for VerdictBot other than a crawler's name.
const (
	reasonNoAgent    = "no User-Agent"
	reasonAddress    = "User-Agent names its owner's address"
	reasonNoBrowser  = "User-Agent of no browser"
	reasonAutomation = "User-Agent of a script that goes by a browser's name"
	reasonNoHeaders  = "no Accept and no Accept-Language, which every browser sends"
	reasonNoSecFetch = "no Sec-Fetch headers and no Accept-Language, which such a browser sends"
	reasonCrawler    = "crawler: " // and the name from the list
)

func (e *Enricher) agent(ua []byte) *agent {
	if a, ok := getBytes(&e.agents, ua); ok {
		return a
	}
	s := string(ua)
	a := e.data.readAgent(s)
	e.agents.put(s, a)
	return a
}

// missing says which header a real browser of that name would have sent. An imported line has no headers,
// so nothing is missing there.
func (a *agent) missing(h schema.Hint) string {
	switch {
	case h&schema.HintImported != 0 || a.claims&claimsBrowser == 0:
		return ""
	case h&(schema.HintAccept|schema.HintAcceptLanguage) == 0:
		return reasonNoHeaders
	case a.claims&claimsSecFetch != 0 && h&schema.HintTLS != 0 && h&(schema.HintSecFetch|schema.HintAcceptLanguage) == 0:
		return reasonNoSecFetch
	}
	return ""
}

func (d *Data) readAgent(ua string) *agent {
	trimmed := strings.TrimSpace(ua)
	if trimmed == "" || trimmed == "-" {
		return &agent{device: "bot", bot: reasonNoAgent}
	}
	p := useragent.Parse(ua)
	a := &agent{os: system(ua, p.OS), browser: browser(ua, p.Name)}
	switch name, listed := d.crawlers.find(ua); {
	case listed && !strings.Contains(ua, " Slack_SSB/"): // Slack's program for desktops says "Sonic" as a crawler does
		a.bot = reasonCrawler + name
	case !browserLike(trimmed):
		a.bot = reasonNoBrowser
	case strings.Contains(ua, "+http://") || strings.Contains(ua, "+https://") || strings.Contains(ua, "+mailto:"):
		a.bot = reasonAddress
	case strings.Contains(ua, " WindowsPowerShell/"), strings.Contains(ua, " Cypress/"):
		a.bot = reasonAutomation
	}
	if a.bot != "" {
		a.device = "bot"
		return a
	}
	a.device = device(ua, p)
	if strings.HasPrefix(trimmed, "Mozilla/5.0 (") && a.browser != "Other" {
		a.claims = claimsBrowser
		if sendsSecFetch(ua, a, p) {
			a.claims |= claimsSecFetch
		}
	}
	return a
}

// browserPrefixes begin the User-Agents of browsers that do not call themselves Mozilla: old Opera,
// feature phones, browsers in a terminal. Everything else that does not is a program.
var browserPrefixes = []string{
	"Mozilla/", "Opera/", "BlackBerry", "Nokia", "SAMSUNG-", "SonyEricsson", "LG-", "LG/", "MOT-", "HTC", "ZTE", "UCWEB",
	"Lynx/", "Links (", "ELinks/", "w3m/", "Dillo/", "NetSurf/", "DoCoMo/", "KDDI-", "J-PHONE/", "Vodafone/", "SoftBank/",
}

func browserLike(ua string) bool {
	for _, p := range browserPrefixes {
		if strings.HasPrefix(ua, p) {
			return len(ua) > len("Mozilla/5.0")
		}
	}
	return false
}

func sendsSecFetch(ua string, a *agent, p useragent.UserAgent) bool {
	if a.os == "iOS" { // every browser there is Safari's engine, whatever its own number
		return p.OSVersionNo.Major >= 17
	}
	if v := number(ua, " Chrome/"); v > 0 {
		return v >= 90
	}
	switch a.browser {
	case "Firefox":
		return p.VersionNo.Major >= 100
	case "Safari":
		return a.os == "macOS" && p.VersionNo.Major >= 17
	}
	return false
}

// number reads the digits that follow mark in s; 0: there are none.
func number(s, mark string) (n int) {
	i := strings.Index(s, mark)
	if i < 0 {
		return 0
	}
	for _, c := range s[i+len(mark):] {
		if c < '0' || c > '9' || n > 1e6 {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

var tvMarks = []string{"SmartTV", "SMART-TV", "Smart TV", "HbbTV", "AppleTV", "Apple TV", "GoogleTV", "Google TV", "Android TV", "BRAVIA", "Web0S", "NetCast", "CrKey", "Roku", "AFTB", "AFTM", "AFTS", "AFTT", "VIDAA", "Viera"}

func device(ua string, p useragent.UserAgent) string {
	for _, m := range tvMarks {
		if strings.Contains(ua, m) {
			return "tv"
		}
	}
	switch {
	case p.Tablet, strings.Contains(ua, "Kindle"), strings.Contains(ua, "PlayBook"):
		return "tablet"
	case p.OS == useragent.Android && !strings.Contains(ua, "Mobi"): // Android's convention since 2010
		if strings.Contains(ua, "Opera Mini") {
			return "mobile"
		}
		return "tablet"
	case p.Mobile, strings.Contains(ua, "Mobi"):
		return "mobile"
	case p.Desktop:
		return "desktop"
	}
	return ""
}

func system(ua, os string) string {
	switch os {
	case useragent.Windows, useragent.WindowsPhone, useragent.Android, useragent.MacOS, useragent.IOS,
		useragent.FreeBSD, useragent.ChromeOS, useragent.BlackBerry, useragent.Harmony, useragent.Linux:
		return os
	}
	switch {
	case strings.Contains(ua, "Windows"):
		return useragent.Windows
	case strings.Contains(ua, "CrOS "):
		return useragent.ChromeOS
	case strings.Contains(ua, "Linux"), strings.Contains(ua, "X11; U"):
		return useragent.Linux
	case strings.Contains(ua, "OpenBSD"), strings.Contains(ua, "NetBSD"):
		return "BSD"
	}
	return ""
}

// browserMarks are browsers that the parser takes for the engine below them.
var browserMarks = []struct{ mark, name string }{
	{"YaBrowser/", "Yandex Browser"}, {"UCBrowser/", "UC Browser"}, {"UBrowser/", "UC Browser"}, {"DuckDuckGo/", "DuckDuckGo"}, {"Ddg/", "DuckDuckGo"},
	{"Whale/", "Whale"}, {"MicroMessenger/", "WeChat"}, {"MQQBrowser/", "QQ Browser"}, {"QQBrowser/", "QQ Browser"}, {"SogouMobileBrowser/", "Sogou"},
	{"coc_coc_browser/", "Cốc Cốc"}, {"MetaIAB ", "Facebook App"}, {"FBAN/", "Facebook App"}, {"FB_IAB/", "Facebook App"}, {"Instagram ", "Instagram App"},
	{"musical_ly", "TikTok App"}, {"BytedanceWebview", "TikTok App"}, {"Pinterest/", "Pinterest App"}, {"LinkedInApp", "LinkedIn App"}, {"Snapchat", "Snapchat App"},
	{"Viber", "Viber"}, {" Line/", "LINE"}, {"KAKAOTALK", "KakaoTalk"}, {"GSA/", "Google App"}, {"Trident/", "Internet Explorer"}, {"Chromium/", "Chromium"},
	{"SeaMonkey/", "SeaMonkey"}, {"Iceweasel/", "Firefox"}, {"Konqueror", "Konqueror"}, {"Epiphany/", "Epiphany"}, {"Silk/", "Silk"}, {"MSIE ", "Internet Explorer"},
}

var browserNames = map[string]string{
	useragent.Chrome: "Chrome", useragent.Firefox: "Firefox", useragent.Safari: "Safari", useragent.Edge: "Edge", useragent.Opera: "Opera",
	useragent.OperaMini: "Opera Mini", useragent.OperaTouch: "Opera", useragent.SamsungBrowser: "Samsung Browser", useragent.Vivaldi: "Vivaldi",
	useragent.InternetExplorer: "Internet Explorer", useragent.FacebookApp: "Facebook App", useragent.InstagramApp: "Instagram App",
	useragent.TiktokApp: "TikTok App", useragent.BlackBerry: "BlackBerry", useragent.NetFront: "NetFront", useragent.HeadlessChrome: "Chrome",
	"Miui Browser": "Miui Browser", "Huawei Browser": "Huawei Browser", "Android browser": "Android Browser",
}

func browser(ua, name string) string {
	for _, b := range browserMarks {
		if strings.Contains(ua, b.mark) {
			return b.name
		}
	}
	if n, ok := browserNames[name]; ok {
		return n
	}
	switch {
	case strings.Contains(ua, "Opera"):
		return "Opera"
	case strings.Contains(ua, " Chrome/") && strings.Contains(ua, " Safari/"):
		return "Chrome" // one of the many that add a word of their own
	}
	return "Other"
}
