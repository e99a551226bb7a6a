package snippet

import (
	"bytes"
	"testing"

	"github.com/valyala/fasthttp"

	"fairlead/redirector/links"
	"fairlead/schema"
	"fairlead/schema/directory"
)

// most is what the script may weigh on its way, in bytes.
const most = 2048

func viewOf(t testing.TB, change func(*schema.Program)) *links.View {
	t.Helper()
	p := directory.DefaultProgram()
	if change != nil {
		change(&p)
	}
	v, err := links.Make(links.Contents{Program: p, Keys: []schema.StoredClickKey{{ID: 1, Key: schema.NewClickKey()}}}, true)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// at is a directory whose view can be exchanged.
type at struct{ view *links.View }

func (a *at) View() *links.View { return a.view }

func TestTheScriptIsSmall(t *testing.T) {
	a := &at{viewOf(t, func(p *schema.Program) { p.AlsoParam, p.WindowDays = "dub_id", 730 })}
	s := New(a)
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
	s.Serve(&ctx)
	resp := &ctx.Response
	if got := string(resp.Header.Peek("Content-Encoding")); got != "gzip" || string(resp.Header.Peek("Vary")) != "Accept-Encoding" {
		t.Fatalf("got the encoding %q: %s", got, resp.Header.String())
	}
	if n := len(resp.Body()); n > most {
		t.Errorf("fairlead.js is %d bytes on its way, at most %d are fine", n, most)
	}
	text, err := resp.BodyGunzip()
	if err != nil || !bytes.Equal(text, Script(a.view.Program)) {
		t.Errorf("unpacked it is another script: %v", err)
	}
	var plain fasthttp.RequestCtx
	s.Serve(&plain)
	if bytes.Equal(plain.Response.Header.Peek("ETag"), resp.Header.Peek("ETag")) {
		t.Error("two forms of the script have one tag")
	}
}

func TestTheScriptIsServedWithTheProgramsSettings(t *testing.T) {
	a := &at{viewOf(t, func(p *schema.Program) { p.AlsoParam, p.Touch, p.WindowDays = "dub_id", "first", 30 })}
	s := New(a)
	ask := func(method, etag string) *fasthttp.Response {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod(method)
		ctx.Request.SetRequestURI("/fairlead.js")
		if etag != "" {
			ctx.Request.Header.Set("If-None-Match", etag)
		}
		s.Serve(&ctx)
		return &ctx.Response
	}
	resp := ask("GET", "")
	if want := `program = {"params":["fl_click","dub_id"],"days":30,"first":true,"gpc":true};`; resp.StatusCode() != 200 || !bytes.Contains(resp.Body(), []byte(want)) {
		t.Fatalf("got %d, want the settings %s in\n%s", resp.StatusCode(), want, resp.Body())
	}
	for name, want := range map[string]string{
		"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff",
	} {
		if got := string(resp.Header.Peek(name)); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	etag := string(resp.Header.Peek("ETag"))
	if again := ask("GET", etag); again.StatusCode() != 304 || len(again.Body()) != 0 {
		t.Errorf("asked again: got %d with %d bytes, want 304 with none", again.StatusCode(), len(again.Body()))
	}
	a.view = viewOf(t, nil)
	if changed := ask("GET", etag); changed.StatusCode() != 200 || string(changed.Header.Peek("ETag")) == etag {
		t.Errorf("other settings: got %d and the old tag, want the new script", changed.StatusCode())
	}
	if post := ask("POST", ""); post.StatusCode() != 405 || string(post.Header.Peek("Allow")) != "GET, HEAD" {
		t.Errorf("POST: got %d, Allow %q", post.StatusCode(), post.Header.Peek("Allow"))
	}
	a.view = nil
	if resp := ask("GET", ""); resp.StatusCode() != 503 {
		t.Errorf("no directory yet: got %d, want 503", resp.StatusCode())
	}
}
