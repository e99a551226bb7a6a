package trace

import (
	"strings"
	"testing"

	"fairlead/schema"
)

func TestWhoseACouponIsIsToldWhateverItsLetters(t *testing.T) {
	w := newWorld(t)
	w.entry(-1000, schema.KindCoupon, 1, schema.Coupon{ID: 1, Code: "Spaß10", Partner: 2, CreatedAt: date(-1000), EndedAt: date(1)})
	w.happens(sale(2, "ann", "in_1", coupons("\tSPAß10")))
	if s := w.askedBy(2, "in_1"); !strings.Contains(s.Answer, "The coupon did not credit its partner at that time") {
		t.Errorf("to whom it belongs: %s", s.Answer)
	}
	if s := w.askedBy(1, "in_1"); s.Answer != nothingOfYours {
		t.Errorf("to another: %s", s.Answer)
	}
}
