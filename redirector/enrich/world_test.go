package enrich_test

import (
	"testing"

	"fairlead/schema"
)

const (
	ios     = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
	webview = "Mozilla/5.0 (Linux; Android 15; SM-S928B Build/AP3A.240905.015.A2; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.7390.97 Mobile Safari/537.36"
)

// TestPeopleInAppsAreNotBots holds the browsers inside apps, where most clicks on partners' links come from. They name the
// app, as many crawlers do.
func TestPeopleInAppsAreNotBots(t *testing.T) {
	e := enricher(t)
	for app, ua := range map[string]string{
		"Facebook, iOS":        ios + "Mobile/22G86 [FBAN/FBIOS;FBAV/535.0.0.38.107;FBBV/811218923;FBDV/iPhone17,1;FBMD/iPhone;FBSN/iOS;FBSV/18.6;FBSS/3;FBCR/;FBID/phone;FBLC/de_DE;FBOP/80]",
		"Facebook, Android":    webview + " [FB_IAB/FB4A;FBAV/535.0.0.49.72;IABMV/1;]",
		"Messenger, iOS":       ios + "Mobile/22G86 [FBAN/MessengerForiOS;FBAV/530.0.0.43.106;FBBV/1;FBDV/iPhone16,2;FBMD/iPhone;FBSN/iOS;FBSV/18.6;FBSS/3;FBCR/;FBID/phone;FBLC/en_US;FBOP/5]",
		"Messenger, Android":   webview + " [FB_IAB/Orca-Android;FBAV/530.0.0.50.109;]",
		"Instagram, iOS":       ios + "Mobile/22G86 Instagram 403.0.0.29.81 (iPhone17,1; iOS 18_6; de_DE; de; scale=3.00; 1206x2622; 801447239)",
		"Instagram, Android":   webview + " Instagram 403.0.0.45.79 Android (35/15; 480dpi; 1080x2120; samsung; SM-S928B; e3q; qcom; de_DE; 801447239)",
		"Threads, iOS":         ios + "Mobile/22G86 Barcelona 404.0.0.24.106 (iPhone16,1; iOS 18_6; en_US; en; scale=3.00; 1179x2556; 802255323)",
		"Threads, Android":     webview + " Barcelona 404.0.0.35.106 Android (35/15; 420dpi; 1080x2205; Google/google; Pixel 8; shiba; shiba; en_US; 802255323)",
		"TikTok, iOS":          ios + "Mobile/22G86 musical_ly_42.1.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/de Region/DE isDarkMode/0 WKWebView/1 RevealType/Dialog",
		"TikTok, Android":      webview + " trill_420103 JsSdk/1.0 NetType/WIFI Channel/googleplay AppName/musical_ly app_version/42.1.3 ByteLocale/de-DE ByteFullLocale/de-DE Region/DE AppId/1233 Spark/1.8.6.0-bugfix AppVersion/42.1.3 BytedanceWebview/d8a21c6",
		"Pinterest, iOS":       ios + "Mobile/22G86 [Pinterest/iOS]",
		"Pinterest, Android":   webview + " [Pinterest/Android]",
		"LinkedIn, iOS":        ios + "Mobile/22G86 [LinkedInApp]/9.31.4285",
		"LinkedIn, Android":    webview + " [LinkedInApp]/4.1.1135",
		"Snapchat, iOS":        ios + "Version/18.6 Mobile/15E148 Safari/604.1 Snapchat/13.60.0.54 (like Safari/8621.3.11.10.3, panda)",
		"Snapchat, Android":    webview + " Snapchat/13.60.0.54 (SM-S928B; Android 15#S928BXXS4BYG2#35; gzip; )",
		"X, iOS":               ios + "Mobile/22G86 Twitter for iPhone/11.19",
		"X, Android":           webview + " TwitterAndroid",
		"Reddit, iOS":          ios + "Mobile/22G86 Reddit/Version 2025.38.0/Build 619271/iOS Version 18.6 (Build 22G86)",
		"Telegram, Android":    webview + " Telegram-Android/12.0.1 (Samsung SM-S928B; Android 15; SDK 35; HIGH)",
		"WeChat, iOS":          ios + "Mobile/22G86 MicroMessenger/8.0.63(0x18003f2f) NetType/WIFI Language/zh_CN",
		"WeChat, Android":      webview + " XWEB/1380275 MMWEBSDK/20250901 MMWEBID/5231 MicroMessenger/8.0.63.2920(0x28003F3D) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64",
		"LINE, iOS":            ios + "Mobile/22G86 Safari Line/15.16.0",
		"LINE, Android":        webview + " Line/15.16.1/IAB",
		"KakaoTalk, iOS":       ios + "Mobile/22G86 KAKAOTALK/25.8.0 (INAPP)",
		"KakaoTalk, Android":   webview + ";KAKAOTALK 2410810;INAPP",
		"Naver, iOS":           ios + "Mobile/22G86 NAVER(inapp; search; 2000; 12.14.30; 16PRO)",
		"Naver, Android":       webview + " NAVER(inapp; search; 2000; 12.14.3)",
		"Zalo, Android":        webview + " Zalo android/25090288 ZaloTheme/light ZaloLanguage/vi",
		"Weibo, Android":       webview + " Weibo (samsung-SM-S928B__weibo__15.9.0__android__android15)",
		"QQ, Android":          webview + " V1_AND_SQ_9.2.10_10920_YYB_D QQ/9.2.10.29175 NetType/WIFI WebP/0.4.1 AppId/537299999 Pixel/1080 StatusBarHeight/97",
		"Baidu, iOS":           ios + "Mobile/22G86 SP-engine/3.42.0 main%2F1.0 baiduboxapp/15.27.0.10 (Baidu; P2 18.6) NABar/1.0",
		"Google, iOS":          ios + "GSA/385.0.811573133 Mobile/22G86 Safari/604.1",
		"Google, Android":      webview + " GSA/16.38.69.sa.arm64",
		"Yandex, Android":      webview + " YandexSearch/25.90 YandexSearchBrowser/25.90",
		"DuckDuckGo, iOS":      ios + "Version/18.6 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
		"Brave, iOS":           ios + "Version/18.6 Mobile/15E148 Safari/604.1",
		"Opera, Android":       "Mozilla/5.0 (Linux; Android 15; SM-S928B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/139.0.0.0 Mobile Safari/537.36 OPR/91.0.0.0",
		"Opera Mini":           "Opera/9.80 (Android; Opera Mini/90.0.2254/191.303; U; de) Presto/2.12.423 Version/12.16",
		"Huawei":               "Mozilla/5.0 (Linux; Android 12; HarmonyOS; ALN-AL00; HMSCore 6.15.0.302) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.5735.196 HuaweiBrowser/16.0.8.301 Mobile Safari/537.36",
		"Xiaomi":               "Mozilla/5.0 (Linux; U; Android 15; de-de; 2407FPN8EG Build/AP3A.240905.015.A2) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/119.0.6045.193 Mobile Safari/537.36 XiaoMi/MiuiBrowser/14.44.0-gn",
		"Silk on a Fire TV":    "Mozilla/5.0 (Linux; Android 9; AFTKA) AppleWebKit/537.36 (KHTML, like Gecko) Silk/137.3.3 like Chrome/137.0.7151.104 Safari/537.36",
		"PlayStation":          "Mozilla/5.0 (PlayStation; PlayStation 5/9.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/15.4 Safari/605.1.15",
		"Quest":                "Mozilla/5.0 (X11; Linux x86_64; Quest 3) AppleWebKit/537.36 (KHTML, like Gecko) OculusBrowser/40.2.0.0 Chrome/138.0.7204.235 VR Safari/537.36",
		"Tesla":                "Mozilla/5.0 (X11; GNU/Linux) AppleWebKit/537.36 (KHTML, like Gecko) Chromium/136.0.0.0 Chrome/136.0.0.0 Safari/537.36 Tesla/2025.32.3",
		"Vivaldi":              chromeWindows + " Vivaldi/7.6.3797.52",
		"Discord, the program": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) discord/1.0.9211 Chrome/134.0.6998.205 Electron/35.3.0 Safari/537.36",
		"Slack, the program":   "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.46.99 Chrome/140.0.7339.133 Electron/38.1.2 Safari/537.36 Sonic Slack_SSB/4.46.99",
	} {
		if f := facts(e, schema.Click{UserAgent: []byte(ua), Hints: asBrowser}); f.Verdict != schema.VerdictValid {
			t.Errorf("%s: %v (%s)\n\t%s", app, f.Verdict, f.Reason, ua)
		}
	}
}

// TestWhatFetchesLinksByItselfIsABot holds what asks for links that people share, all with headers as browsers send them.
func TestWhatFetchesLinksByItselfIsABot(t *testing.T) {
	e := enricher(t)
	for kind, agents := range map[string][]string{
		"previews in messages and posts": {
			"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "facebookexternalhit/1.1", "Facebot", "meta-externalagent/1.1 (+https://developers.facebook.com/docs/sharing/webmasters/crawler)",
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0", // iMessage
			"Twitterbot/1.0", "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
			"Slack-ImgProxy (+https://api.slack.com/robots)", "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)", "TelegramBot (like TwitterBot)", "WhatsApp/2.23.20.0", "WhatsApp/2.2587.9 W",
			"Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com", "Mozilla/5.0 (compatible; Pinterestbot/1.0; +http://www.pinterest.com/bot.html)",
			"Mozilla/5.0 (compatible; redditbot/1.0; +http://www.reddit.com/feedback)", "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)", "Mozilla/5.0 (compatible; Embedly/0.2; +http://support.embed.ly/)",
			"Iframely/1.3.1 (+https://iframely.com/docs/about)", "Snap URL Preview Service; bot; snapchat; https://developers.snap.com/robots", "Google-PageRenderer Google (+https://developers.google.com/+/web/snippet/)",
			"Mastodon/4.4.5 (http.rb/5.3.1; +https://mastodon.social/)", "Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)",
		},
		"search, and models that learn": {
			"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.7390.54 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
			"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/136.0.0.0 Safari/537.36", "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
			"Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)", "DuckDuckBot/1.1; (+http://duckduckgo.com/duckduckbot.html)",
			"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
			"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot",
			"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; PerplexityBot/1.0; +https://perplexity.ai/perplexitybot)",
			"Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)", "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)",
			"Mozilla/5.0 (compatible; MJ12bot/v1.4.8; http://mj12bot.com/)", "Mozilla/5.0 (compatible; PetalBot;+https://webmaster.petalsearch.com/site/petalbot)", "CCBot/2.0 (https://commoncrawl.org/faq/)", "Mozilla/5.0 (compatible; archive.org_bot +http://archive.org/details/archive.org_bot)",
		},
		"monitors": {
			"Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/84.0.4147.105 Safari/537.36 PingdomTMS/0.8.5 (+http://www.pingdom.com/)",
			"Better Uptime Bot Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/80.0.3987.87 Safari/537.36", "Site24x7", "Mozilla/5.0 (compatible; StatusCake)",
			"GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)", "Amazon-Route53-Health-Check-Service (ref 1a2b3c; report http://amzn.to/1vsZADi)", "ELB-HealthChecker/2.0", "kube-probe/1.33", "Blackbox Exporter/0.27.0", "Datadog/Synthetics", "Zabbix",
		},
		"programs and libraries": {
			"curl/8.14.1", "Wget/1.25.0", "python-requests/2.32.4", "Python-urllib/3.13", "Python/3.13 aiohttp/3.12.15", "python-httpx/0.28.1", "Go-http-client/1.1", "Go-http-client/2.0", "okhttp/4.12.0", "okhttp/5.1.0",
			"Apache-HttpClient/4.5.14 (Java/17.0.16)", "Java/17.0.16", "Java-http-client/21.0.8", "axios/1.12.2", "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "node", "undici", "got (https://github.com/sindresorhus/got)",
			"libwww-perl/6.78", "GuzzleHttp/7", "Symfony HttpClient/Curl", "Ruby", "Faraday v2.13.4", "PostmanRuntime/7.48.0", "insomnia/11.6.1", "HTTPie/3.2.4", "Dart/3.9 (dart:io)", "Deno/2.5.2", "Bun/1.2.23", "reqwest/0.12.23",
			"Dalvik/2.1.0 (Linux; U; Android 15; SM-S928B Build/AP3A.240905.015.A2)", "MyApp/42 CFNetwork/3826.600.41 Darwin/24.6.0", "Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.26100.4768", "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.19231; Pro)", "k6/1.2.3 (https://k6.io/)", "ApacheBench/2.3",
		},
		"browsers without a head": {
			"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36", "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
			"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Prerender (+https://github.com/prerender/prerender)", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Cypress/15.3.0 Chrome/138.0.7204.251 Electron/37.6.0 Safari/537.36",
			"Mozilla/5.0 (Linux; Android 11; moto g power (2022)) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Mobile Safari/537.36 Chrome-Lighthouse",
		},
	} {
		for _, ua := range agents {
			if f := facts(e, schema.Click{UserAgent: []byte(ua), Hints: asBrowser}); f.Verdict != schema.VerdictBot {
				t.Errorf("%s: %v\n\t%s", kind, f.Verdict, ua)
			}
		}
	}
}
