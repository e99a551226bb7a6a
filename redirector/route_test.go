package redirector

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

func TestARouteAnswersItsPathWhateverTheMethod(t *testing.T) {
	e := newEdge(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")} })
	e.Route("track/lead", func(c Call) {
		c.Ctx.SetBodyString(string(c.Ctx.Method()) + " from " + c.From.String())
	})
	e.Route("openapi.json", func(Call) { panic("a bug") })
	f := func(r request, status int, body string) {
		t.Helper()
		resp := e.do(r)
		if resp.StatusCode() != status || !strings.Contains(string(resp.Body()), body) {
			t.Errorf("%+v: got %d %s, want %d %s", r, resp.StatusCode(), resp.Body(), status, body)
		}
	}
	post := request{method: "POST", target: "/track/lead", headers: []string{"X-Forwarded-For", "198.51.100.4"}}
	f(post, 200, "POST from 198.51.100.4")
	post.target = "/Track/Lead/?a=1"
	f(post, 200, "POST from 198.51.100.4")
	f(get("/track/lead"), 200, "GET")
	f(get("/track/other"), 404, `"code":"not_found"`)
	f(get("/openapi.json"), 500, `"code":"internal_server_error"`)
	if n := len(e.journal.records); n != 0 {
		t.Errorf("%d clicks were recorded, want none", n)
	}
	e.closed.Store(true)
	f(post, fasthttp.StatusServiceUnavailable, "")
}

func TestOnlyReservedPathsHaveRoutes(t *testing.T) {
	e := newEdge(t, nil)
	defer func() {
		if recover() == nil {
			t.Error("a path that may be a link's got a route")
		}
	}()
	e.Route("ada", func(Call) {})
}
