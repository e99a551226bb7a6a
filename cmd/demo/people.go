package demo

// who describes a partner of the demo program: how much traffic, from where, since when.
type who struct {
	name    string
	slug    string
	perDay  float64 // clicks on an ordinary day in the last month
	months  int     // how long ago it joined
	growth  float64 // share of perDay it began with
	channel channel
	links   []extra
}

// extra is a custom link; page is below the shop's home page.
type extra struct {
	slug, page string
	share      float64 // of the partner's clicks
}

// channel is where a partner's audience comes from.
type channel struct {
	referrers []string // "" is a click without one: an app, a mail, a QR code
	mobile    float64
	countries string // two letters each, the more often the more likely
	bots      float64
	subs      []string
	signsUp   float64 // of the people who click
	buys      float64 // of those who sign up
}

var (
	blog = channel{
		referrers: []string{"", "https://www.google.com/", "https://duckduckgo.com/", "https://slowkitchen.example/best-mugs", "https://slowkitchen.example/gift-guide"},
		mobile:    .45, countries: "CACACAUSUSUSUSGBAUNZ", bots: .07, subs: []string{"", "", "sidebar", "article"},
		signsUp: .034, buys: .62,
	}
	social = channel{
		referrers: []string{"", "", "https://l.instagram.com/", "https://www.tiktok.com/", "https://out.reddit.com/", "https://t.co/"},
		mobile:    .88, countries: "USUSUSCACAGBBRMXDEFR", bots: .11, subs: []string{"", "bio", "story", "reel"},
		signsUp: .012, buys: .44,
	}
	newsletter = channel{
		referrers: []string{"", "", "", "https://mail.google.com/", "https://outlook.live.com/"},
		mobile:    .55, countries: "CACAUSUSUSGBIENL", bots: .16, subs: []string{"", "issue-41", "issue-42", "footer"},
		signsUp: .047, buys: .7,
	}
	video = channel{
		referrers: []string{"https://www.youtube.com/", "https://www.youtube.com/", "", "https://www.google.com/"},
		mobile:    .62, countries: "USUSUSINDEFRBRJPGBCA", bots: .05, subs: []string{"", "description", "pinned"},
		signsUp: .021, buys: .5,
	}
	coupons = channel{
		referrers: []string{"https://www.google.com/", "https://www.bing.com/", "https://dealdrawer.example/kiln-quay"},
		mobile:    .5, countries: "USUSUSUSCAGBDE", bots: .22, subs: []string{""},
		signsUp: .028, buys: .83,
	}
)

// partners is who takes part. The first is the one whose log-in the start prints.
var partners = []who{
	{"Ada Okafor", "ada", 78, 12, .45, blog, []extra{{"ada/teapot", "products/teapot", .22}, {"ada/gifts", "products/gift-card", .13}}},
	{"Slow Kitchen", "slow-kitchen", 96, 12, .7, blog, []extra{{"slow-kitchen/bowl", "products/bowl", .3}}},
	{"Mina Park", "mina", 140, 9, .2, social, []extra{{"mina/mug", "products/mug", .5}}},
	{"The Long Table", "long-table", 61, 12, .9, newsletter, []extra{{"long-table/autumn", "products/bowl", .35}}},
	{"Clay Hours", "clay-hours", 88, 11, .35, video, []extra{{"clay-hours/teapot", "products/teapot", .4}}},
	{"Deal Drawer", "deal-drawer", 120, 10, .8, coupons, nil},
	{"Jonas Lindqvist", "jonas", 34, 12, .6, blog, nil},
	{"Petit Four", "petit-four", 27, 12, 1.1, newsletter, []extra{{"petit-four/gifts", "products/gift-card", .25}}},
	{"Studio Marrow", "marrow", 44, 8, .3, social, nil},
	{"Harriet Bloom", "harriet", 22, 7, .5, blog, []extra{{"harriet/mug", "products/mug", .6}}},
	{"Tea Atlas", "tea-atlas", 52, 12, .75, blog, []extra{{"tea-atlas/teapot", "products/teapot", .7}}},
	{"Kenji Mori", "kenji", 31, 6, .4, video, nil},
	{"Rooted Home", "rooted-home", 18, 12, 1.3, newsletter, nil},
	{"Olive & Ash", "olive-ash", 25, 5, .3, social, nil},
	{"Weekday Baker", "weekday-baker", 39, 10, .55, social, []extra{{"weekday-baker/bowl", "products/bowl", .45}}},
	{"Prairie Post", "prairie-post", 12, 12, .95, newsletter, nil},
	{"Lucía Vega", "lucia", 29, 4, .2, social, nil},
	{"Hearth Review", "hearth-review", 47, 12, .65, blog, nil},
	{"Noor Haddad", "noor", 9, 2, .5, social, nil},
	{"Quiet Desk", "quiet-desk", 6, 1, .8, newsletter, nil},
}

// codes are the coupons of partners, by slug.
var codes = map[string]string{"ada": "ADA10", "deal-drawer": "DRAWER10", "petit-four": "PETIT10"}

// selfish is the slug of the partner who once bought by a link of their own.
const selfish = "olive-ash"

// Names of customers: of their e-mail addresses a keyed hash is kept, and nothing of them otherwise.
var (
	givenNames = []string{
		"mara", "tomas", "ines", "noel", "yuki", "amara", "felix", "greta", "hassan", "ivy", "joan", "kofi", "lena", "milo", "nadia", "oskar",
		"priya", "quinn", "rosa", "sami", "tess", "ugo", "vera", "wim", "xenia", "yara", "zoe", "abel", "bianca", "casper",
	}
	familyNames = []string{
		"olsen", "marchetti", "okoye", "lindgren", "tanaka", "dubois", "castro", "haddad", "novak", "fischer", "byrne", "silva", "kaur",
		"moreau", "jensen", "rossi", "nguyen", "walker", "petrov", "sato", "costa", "weber", "martin", "ferrari", "park", "murphy",
	}
)

// weighted is a choice with how often it is made.
type weighted struct {
	value  string
	weight float64
}

var desktopAgents = []weighted{
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36", 34},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0", 14},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Safari/605.1.15", 18},
	{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36", 14},
	{"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", 9},
	{"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", 3},
}

var mobileAgents = []weighted{
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1", 40},
	{"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile Safari/537.36", 32},
	{"Mozilla/5.0 (Linux; Android 16; SM-S938B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36", 8},
	{"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 405.0.0.30.78", 9},
	{"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1", 5},
}

var botAgents = []weighted{
	{"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 30},
	{"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 20},
	{"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 12},
	{"Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", 8},
	{"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", 14},
	{"python-requests/2.32.3", 9},
	{"curl/8.5.0", 3},
}
