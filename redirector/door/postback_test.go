package door

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"fairlead/redirector/track"
	"fairlead/schema"
)

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic("BUG: a string is not to be marshalled")
	}
	return string(b)
}

// postbackDoor takes two keys: one that may, and one for tests.
var postbackDoor = Postback{
	Secrets: []string{"s1", "s2"},
	Key: func(key string) (schema.APIKey, error) {
		switch key {
		case "k":
			return schema.APIKey{ID: 7}, nil
		case "t":
			return schema.APIKey{ID: 8, Test: true}, nil
		}
		return schema.APIKey{}, refuse(track.Unauthorized, "key", "is not known")
	},
}

func get(query string) Message {
	return Message{Method: "GET", Query: []byte(query), Header: headers(), Now: now}
}

func post(form string) Message {
	return Message{Method: "POST", Body: []byte(form), Header: headers("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"), Now: now}
}

func signedWith(secret, parameters string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(parameters))
	return parameters + "&sig=" + hex.EncodeToString(h.Sum(nil))
}

func TestPostbacksInTheTrackersDialects(t *testing.T) {
	f := func(query string, want ...string) {
		t.Helper()
		for way, m := range map[string]Message{"GET": get(query), "POST": post(query)} {
			report, err := postbackDoor.Read(m, rules)
			same(t, way+" "+query, told(report, err), want...)
			for _, c := range report.Conversions {
				if c.Source != schema.SourcePostback || c.KeyID != 7 {
					t.Errorf("%s: source %s, key %d", query, c.Source, c.KeyID)
				}
			}
		}
	}
	// Ours.
	f("key=k&clickid="+click+"&txid=A1&amount=24.50&currency=eur", "sale of Purchase after the click: 2450 EUR, invoice A1 = A1")
	f("key=k&clickid="+click, "lead of Lead after the click")
	f("key=k&clickid="+click+"&event=Demo&status=lead", "lead of Demo after the click")
	f("key=k&clickid="+click+"&amount=24.5", "sale of Purchase after the click: 2450 USD, invoice click:"+click+" = click:"+click)
	f("key=k&clickid="+click+"&txid=A1&status=refund&refund_id=R1&amount=5", "refund after the click: 500 USD, invoice A1 = A1, refund R1")
	f("key=k&clickid="+click+"&txid=A1&status=refund", "refund after the click, invoice A1 = A1, refund refund")
	f("key=k&clickid="+click+"&txid=A1&status=refund&payout=0.00", "refund after the click, invoice A1 = A1, refund refund")
	f("key=k&clickid="+click+"&txid=A1&status=chargeback", "refund after the click, invoice A1 = A1, refund chargeback")
	f("key=k&clickid="+click+"&txid=A1&status=rejected&payout=49.00", "refund after the click, invoice A1 = A1, refund rejected")
	f("key=k&clickid="+click+"&txid=A1&status=restored&refund_id=chargeback", "restored after the click, invoice A1 = A1, refund chargeback")
	f("key=k&clickid="+click+"&txid=A1&status=restored", "restored after the click, invoice A1 = A1, refund rejected")
	// Voluum.
	f("key=k&cid="+click+"&payout=12.0000&txid=V1&currency=USD&et=&param1=a&param2=b",
		`sale of Purchase after the click: 1200 USD, invoice V1 = V1, noted {"param1":"a","param2":"b"}`)
	f("key=k&cid="+click+"&et=Upsell&payout=3&txid=V2", "sale of Upsell after the click: 300 USD, invoice V2 = V2")
	f("key=k&cid="+click+"&et=Install", "lead of Install after the click")
	// Keitaro.
	f("key=k&subid="+click+"&status=lead&payout=0", "lead of Lead after the click")
	f("key=k&subid="+click+"&status=sale&payout=40&currency=USD&tid=K1", "sale of Purchase after the click: 4000 USD, invoice K1 = K1")
	f("key=k&subid="+click+"&status=rebill&payout=40&tid=K2", "sale of Purchase after the click: 4000 USD, invoice K2 = K2")
	f("key=k&subid="+click+"&status=rejected&payout=0&tid=K1", "refund after the click, invoice K1 = K1, refund rejected")
	f("key=k&subid="+click+"&status=hold&payout=40", "ignored: not_decided")
	f("key=k&subid="+click+"&status=sale&payout=0", "ignored: no_money")
	// Binom.
	f("key=k&cnv_id="+click+"&payout=1980&currency=JPY&cnv_status=approved", "sale of Purchase after the click: 1980 JPY, invoice click:"+click+" = click:"+click)
	f("key=k&cnv_id="+click+"&cnv_status=trash", "refund after the click, invoice click:"+click+" = click:"+click+", refund rejected")
	// RedTrack.
	f("key=k&clickid="+click+"&sum=9.99&type=Purchase", "sale of Purchase after the click: 999 USD, invoice click:"+click+" = click:"+click)
	f("key=k&clickid="+click+"&type=AddToCart&sub1=x", `lead of AddToCart after the click, noted {"sub1":"x"}`)

	report, err := postbackDoor.Read(get("key=t&clickid="+click), rules)
	same(t, "a key for tests", told(report, err), "lead of Lead after the click, a test")
}

func TestPostbacksThatAreRefused(t *testing.T) {
	f := func(query string, code track.Code, field string) {
		t.Helper()
		_, err := postbackDoor.Read(get(query), rules)
		refused(t, query, err, code, field)
	}
	f("clickid="+click, track.Unauthorized, "key")
	f("key=wrong&clickid="+click, track.Unauthorized, "key")
	f("key=k", track.Unprocessable, "clickid")
	f("key=k&clickid=%20", track.Unprocessable, "clickid")
	f("key=k&clickid="+click+"&status=sale", track.Unprocessable, "amount")
	f("key=k&clickid="+click+"&status=maybe", track.Unprocessable, "status")
	f("key=k&clickid="+click+"&status=rebill&payout=1", track.Unprocessable, "txid")
	f("key=k&clickid="+click+"&txid=A1&status=refund&amount=5", track.Unprocessable, "refund_id")
	f("key=k&clickid="+click+"&txid=A1&status=chargeback&amount=5", track.Unprocessable, "refund_id")
	f("key=k&clickid="+click+"&payout=1&currency=XYZ", track.Unprocessable, "currency")
	for _, amount := range []string{"-5", "1e3", "5,00", "1.234", "0x10", "1.5.0", "NaN", "99999999999999", "5 USD5"} {
		f("key=k&clickid="+click+"&amount="+strings.ReplaceAll(amount, " ", "%20"), track.Unprocessable, "amount")
	}
	f("key=k&clickid="+click+"&amount=0.5&currency=JPY", track.Unprocessable, "amount")
	f("key=k&%zz", track.BadRequest, "")

	m := post("key=k&clickid=" + click)
	m.Header = headers("Content-Type", "application/json")
	_, err := postbackDoor.Read(m, rules)
	refused(t, "JSON", err, track.BadRequest, "Content-Type")
}

func TestPostbacksAreSigned(t *testing.T) {
	const parameters = "clickid=" + click + "&txid=A1&amount=24.50"
	const sale = "sale of Purchase after the click: 2450 USD, invoice A1 = A1"
	for what, m := range map[string]Message{
		"under the first secret":  get(signedWith("s1", parameters)),
		"under the second secret": get(signedWith("s2", parameters)),
		"a form":                  post(signedWith("s1", parameters)),
	} {
		report, err := postbackDoor.Read(m, rules)
		same(t, what, told(report, err), sale)
	}
	good := signedWith("s1", parameters)
	for what, m := range map[string]Message{
		"another secret":                 get(signedWith("s3", parameters)),
		"the empty secret":               get(signedWith("", parameters)),
		"another amount":                 get(strings.Replace(good, "24.50", "99.50", 1)),
		"one more parameter behind":      get(good + "&amount=99"),
		"one more parameter in front":    get("payout=99&" + good),
		"no hexadecimal":                 get(parameters + "&sig=xyz"),
		"the signature in front":         get(good[strings.Index(good, "sig="):] + "&" + parameters),
		"another signature in front":     get("sig=00&" + good),
		"a part of the signature":        get(good[:len(good)-2]),
		"no signature":                   get(parameters + "&sig="),
		"no secret is configured":        get(signedWith("", parameters)),
		"a key that is empty beside sig": get("key=&" + parameters + "&sig=00"),
	} {
		_, err := postbackDoor.Read(m, rules)
		if track.CodeOf(err) != track.Unauthorized {
			t.Errorf("%s: got %v, want unauthorized", what, err)
		}
	}
	both := post(good)
	both.Query = []byte("amount=99")
	_, err := postbackDoor.Read(both, rules)
	refused(t, "a signed form, and parameters in the address", err, track.BadRequest, "sig")
}

func FuzzPostback(f *testing.F) {
	for _, query := range []string{
		"key=k&clickid=" + click + "&txid=A1&amount=24.50&currency=eur", "key=k&subid=x&status=rejected&tid=1", "key=k&cid=x&et=Upsell&payout=3", signedWith("s1", "clickid=x"),
	} {
		f.Add(query, "")
		f.Add("", query)
	}
	f.Fuzz(func(t *testing.T, query, form string) {
		m := post(form)
		m.Query = []byte(query)
		report, err := postbackDoor.Read(m, rules)
		if err == nil {
			bounded(t, report)
		}
	})
}
