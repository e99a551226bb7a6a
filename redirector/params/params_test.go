package params

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"fairlead/redirector/links"
	"fairlead/schema"
)

var testID = schema.ClickID{At: 1_800_000_000_000, Link: 7, Nonce: 9, Tag: 11}

// locate returns where a request with the query is sent when the link leads to to.
func locate(to, query string) string {
	var r Reader
	var c schema.Click
	r.Read([]byte(query), &c, []byte("fl_click"), []byte("dub_id"))
	return string(r.AppendLocation(nil, links.Split([]byte(to)), &testID, []byte("fl_click"), nil))
}

func TestParametersAreMerged(t *testing.T) {
	id := "fl_click=" + testID.String()
	f := func(to, query, want string) {
		t.Helper()
		if got := locate(to, query); got != strings.ReplaceAll(want, "ID", id) {
			t.Errorf("%s with %q\n got %s\nwant %s", to, query, got, strings.ReplaceAll(want, "ID", id))
		}
	}
	const shop = "https://shop.example/"
	// The destination alone.
	f(shop, "", "https://shop.example/?ID")
	f("https://shop.example", "", "https://shop.example?ID")
	f(shop+"a?b=1", "", "https://shop.example/a?b=1&ID")
	f(shop+"?", "", "https://shop.example/?ID")
	f(shop+"?&", "", "https://shop.example/?&ID")
	f(shop+"?a=1&", "", "https://shop.example/?a=1&ID")
	f(shop+"#top", "", "https://shop.example/?ID#top")
	f(shop+"?a=1#top?x=1&y", "", "https://shop.example/?a=1&ID#top?x=1&y")
	f(shop+"#/route?x=1", "y=2", "https://shop.example/?y=2&ID#/route?x=1")
	// Order and encoding of the destination survive.
	f(shop+"?z=%2f%2F&a=+b&a=c&&e=;d", "", "https://shop.example/?z=%2f%2F&a=+b&a=c&&e=;d&ID")
	// Incoming parameters follow, as they came.
	f(shop, "sub_id=7", "https://shop.example/?sub_id=7&ID")
	f(shop+"?a=1", "b=2&c=3", "https://shop.example/?a=1&b=2&c=3&ID")
	f(shop, "b=2&a=1&b=3", "https://shop.example/?b=2&a=1&b=3&ID")
	f(shop, "a=%C3%A9+x%2Fy&b=", "https://shop.example/?a=%C3%A9+x%2Fy&b=&ID")
	f(shop, "flag", "https://shop.example/?flag&ID")
	f(shop, "&&a=1&&", "https://shop.example/?a=1&ID")
	f(shop, "=x", "https://shop.example/?=x&ID")
	f(shop, "a=b=c==", "https://shop.example/?a=b=c==&ID")
	f(shop, "a[]=1&a[]=2", "https://shop.example/?a[]=1&a[]=2&ID")
	// The destination's own are not replaced, however the name is escaped.
	f(shop+"?a=1", "a=2", "https://shop.example/?a=1&ID")
	f(shop+"?a=1", "%61=2&A=3", "https://shop.example/?a=1&A=3&ID")
	f(shop+"?%61+b=1", "a%20b=2", "https://shop.example/?%61+b=1&ID")
	f(shop+"?a", "a=2&ab=3&=4", "https://shop.example/?a&ab=3&=4&ID")
	// Nothing pretends to be the click id.
	for _, name := range []string{"fl_click", "FL_Click", "fl%5Fclick", "fl.click", "fl+click", "fl%20click", "fl[click", "fl_click[]", "fl_click%5B0%5D",
		"+fl_click", "fl_click%00x", "dub_id", "DUB_ID", "dub.id[x]"} {
		f(shop, "a=1&"+name+"=forged&b=2", "https://shop.example/?a=1&b=2&ID")
		f(shop, name, "https://shop.example/?ID")
	}
	f(shop, "fl_clicks=1&xfl_click=2&fl=3", "https://shop.example/?fl_clicks=1&xfl_click=2&fl=3&ID")
	// The deep link is not passed on.
	f(shop, "url=https%3A%2F%2Fevil.example%2F&a=1", "https://shop.example/?a=1&ID")
	f(shop, "URL=x&u%72l=y&url", "https://shop.example/?ID")
	// What a query may not carry is escaped; what is no escape is made one.
	f(shop, "a=\xff\xfe", "https://shop.example/?a=%FF%FE&ID")
	f(shop, "a=é\"<>`{}|\\^", "https://shop.example/?a=%C3%A9%22%3C%3E%60%7B%7D%7C%5C%5E&ID")
	f(shop, "a=1;fl_click=forged", "https://shop.example/?a=1%3Bfl_click=forged&ID")
	f(shop, "a=50%&b=%zz&c=%4", "https://shop.example/?a=50%25&b=%25zz&c=%254&ID")
	f(shop, "a=\r\nSet-Cookie:x", "https://shop.example/?a=%0D%0ASet-Cookie:x&ID")
	f(shop, "a=%0d%0aSet-Cookie:x", "https://shop.example/?a=%0d%0aSet-Cookie:x&ID")
	f(shop, "a=b#c", "https://shop.example/?a=b%23c&ID")
	long := strings.Repeat("x", 8000)
	f(shop, "a="+long, "https://shop.example/?a="+long+"&ID")
	many := strings.Repeat("&p", 2*MaxPairs)
	f(shop, many, "https://shop.example/?"+strings.Repeat("&p", MaxPairs)[1:]+"&ID")
}

func TestTheSecondNameOfTheClickIDStandsBeforeTheFirst(t *testing.T) {
	var r Reader
	r.Read(nil, &schema.Click{}, nil, nil)
	got := string(r.AppendLocation(nil, links.Split([]byte("https://shop.example/#f")), &testID, []byte("fl_click"), []byte("dub_id")))
	if want := "https://shop.example/?dub_id=" + testID.String() + "&fl_click=" + testID.String() + "#f"; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	got = string(r.AppendLocation([]byte("x"), links.Split([]byte("https://shop.example/?a#f")), nil, []byte("fl_click"), nil))
	if want := "xhttps://shop.example/?a#f"; got != want {
		t.Errorf("without an id: got %s, want %s", got, want)
	}
}

func TestSubIDsAndCampaignsAreRecorded(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		var r Reader
		var c schema.Click
		r.Read([]byte(query), &c, []byte("fl_click"), nil)
		var got []string
		for i, v := range c.SubID {
			if v != nil {
				got = append(got, string(rune('0'+i))+"="+string(v))
			}
		}
		for i, v := range c.UTM {
			if v != nil {
				got = append(got, string(rune('a'+i))+"="+string(v))
			}
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%q records %q, want %q", query, g, want)
		}
	}
	f("", "")
	f("sub_id=7", "0=7")
	f("sub_id=x&sub_id1=a&sub_id2=b&sub_id3=c&sub_id4=d&sub_id5=e", "0=x 1=a 2=b 3=c 4=d 5=e")
	f("sid=x&subid1=a&sub2=b&aff_sub3=c&subid4=d&sub5=e", "0=x 1=a 2=b 3=c 4=d 5=e")
	f("aff_sub1=1&aff_sub2=2&sub3=3&aff_sub4=4&aff_sub5=5", "1=1 2=2 3=3 4=4 5=5")
	f("sub1=1&subid2=2&subid3=3&sub4=4&subid5=5", "1=1 2=2 3=3 4=4 5=5")
	f("utm_source=s&utm_medium=m&utm_campaign=c&utm_term=t&utm_content=n", "a=s b=m c=c d=t e=n")
	f("UTM_Source=s&Sub%5FID=1", "0=1 a=s")
	f("sub_id=1&sub_id=2", "0=1")
	f("sub_id=&sub_id=2", "0=2")
	f("sid=1&sub_id=2", "0=2")
	f("sub_id=2&sid=1", "0=2")
	f("sid=1&sub_id=", "0=1")
	f("sub_id6=1&subid=2&sub=3&utm_id=4&aff_sub=5&sub_id1x=6", "")
	f("sub_id=a+b%20c%2Bd", "0=a b c+d")
	f("sub_id=%C3%A9&utm_term=\xc3\xa9", "0=é d=é")
	f("sub_id=a%00b%0Ac%ff", "0=a%00b%0Ac%FF")
	f("sub_id=%E2%80%AEevil", "0=%E2%80%AEevil")
	f("sub_id=50%", "0=50%")
	f("sub_id="+strings.Repeat("x", 400), "0="+strings.Repeat("x", 255))
	f("sub_id="+strings.Repeat("x", 254)+"é", "0="+strings.Repeat("x", 254))
	f("sub_id="+strings.Repeat("x", 253)+"é", "0="+strings.Repeat("x", 253)+"é")
	f("sub_id="+strings.Repeat("x", 253)+"%01", "0="+strings.Repeat("x", 253))
}

func TestADeepLinkIsReadAsItWasPasted(t *testing.T) {
	f := func(query, want string) {
		t.Helper()
		var r Reader
		r.Read([]byte(query), &schema.Click{}, []byte("fl_click"), nil)
		if got := string(r.DeepLink()); got != want {
			t.Errorf("%q asks for %q, want %q", query, got, want)
		}
	}
	f("", "")
	f("url=", "")
	f("a=url", "")
	f("url=https%3A%2F%2Fshop.example%2Fa%3Fb%3Dc%26d%3De", "https://shop.example/a?b=c&d=e")
	f("url=https://shop.example/a?b=c", "https://shop.example/a?b=c")
	f("x=1&url=https://shop.example/a+b%2Bc%20d", "https://shop.example/a+b+c d")
	f("url=&URL=https://shop.example/", "https://shop.example/")
	f("url=https://shop.example/1&url=https://shop.example/2", "https://shop.example/1")
	f("url=https%253A%252F%252Fshop.example", "https%3A%2F%2Fshop.example")
}

func TestTextIsSafeToStore(t *testing.T) {
	f := func(in string, limit int, want string) {
		t.Helper()
		if got := string(AppendText(nil, []byte(in), limit)); got != want {
			t.Errorf("%q at %d is stored as %q, want %q", in, limit, got, want)
		}
	}
	f("plain text", 100, "plain text")
	f("grün 語 😀", 100, "grün 語 😀")
	f("a\x00\t\n\x7f", 100, "a%00%09%0A%7F")
	f("\xff\xc3(", 100, "%FF%C3(")
	f("\u0085\u2028\u202e\u2066", 100, "%C2%85%E2%80%A8%E2%80%AE%E2%81%A6")
	f("abc", 2, "ab")
	f("aé", 2, "a")
	f("a\x00", 3, "a")
	f("é", 0, "")
}

func TestReadingAllocatesNothing(t *testing.T) {
	var r Reader
	var c schema.Click
	to := links.Split([]byte("https://shop.example/a?ref=x#f"))
	query := []byte("sub_id=a%20b&utm_source=x&ref=y&z=%ff&url=https%3A%2F%2Fshop.example%2F")
	param := []byte("fl_click")
	dst := make([]byte, 0, 4096)
	n := testing.AllocsPerRun(100, func() {
		r.Read(query, &c, param, nil)
		dst = r.AppendLocation(dst[:0], to, &testID, param, nil)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMerge(f *testing.F) {
	for _, q := range []string{"", "sub_id=7&a=%", "fl_click=x&url=https://a", "a=\xff&%61=1", "a;b=1&fl%5fclick[]=1", "&&=&==", "\x00=%00"} {
		f.Add("https://shop.example/a?b=1&c=%2F#d", q)
		f.Add("https://shop.example/", q)
	}
	f.Fuzz(func(t *testing.T, to, query string) {
		for i := range len(to) {
			if to[i] <= ' ' || to[i] >= 0x7f {
				t.Skip("links compiles destinations before they come here")
			}
		}
		d := links.Split([]byte(to))
		var r Reader
		var c schema.Click
		r.Read([]byte(query), &c, []byte("fl_click"), []byte("via"))
		got := r.AppendLocation(nil, d, &testID, []byte("fl_click"), nil)
		for _, b := range got {
			if b <= ' ' || b >= 0x7f {
				t.Fatalf("%q carries byte %#x", got, b)
			}
		}
		if !bytes.HasPrefix(got, d.Path()) || !bytes.HasSuffix(got, append([]byte("fl_click="+testID.String()), d.Fragment()...)) {
			t.Fatalf("%q does not keep path, fragment and the click id's place", got)
		}
		merged := links.Split(got)
		if !bytes.HasPrefix(merged.Query(), d.Query()) {
			t.Fatalf("%q does not begin with the destination's query %q", merged.Query(), d.Query())
		}
		// As a browser and a shop read it: every parameter of the destination first, with its values alone.
		have, want := parse(string(merged.Query())), parse(string(d.Query()))
		for name, values := range want {
			if name == "fl_click" {
				continue
			}
			if strings.Join(have[name], "\x00") != strings.Join(values, "\x00") {
				t.Fatalf("parameter %q is %q, the destination has %q", name, have[name], values)
			}
		}
		if ids := have["fl_click"]; len(ids) != len(want["fl_click"])+1 || ids[len(ids)-1] != testID.String() {
			t.Fatalf("the click ids of %q are %q", got, ids)
		}
		for _, v := range append(c.SubID[:], c.UTM[:]...) {
			if !utf8.Valid(v) || len(v) > 255 || bytes.ContainsAny(v, "\x00\n\r\x7f") {
				t.Fatalf("recorded %q", v)
			}
		}
		if _, err := url.ParseQuery(string(r.AppendLocation(nil, links.Destination{}, nil, nil, nil))); err != nil {
			t.Fatalf("what is passed on is no query: %v", err)
		}
	})
}

// parse reads a query as forgiving readers do: undecodable escapes stay.
func parse(query string) map[string][]string {
	out := map[string][]string{}
	for p := range strings.SplitSeq(query, "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		n := string(AppendDecoded(nil, []byte(name), true))
		out[n] = append(out[n], string(AppendDecoded(nil, []byte(value), true)))
	}
	return out
}
