package door

import "fairlead/redirector/track"

// connected reads an event of a connected account: whether the partner whose it is can be paid to it
// (https://docs.stripe.com/api/events/types#event_types-account.updated).
func (r *stripeReader) connected() (Report, error) {
	if err := read(r.m.Body, "", &r.stripeEvent); err != nil {
		return Report{}, err
	}
	if r.Type != "account.updated" {
		return ignored(UnknownEvent), nil
	}
	var a struct {
		ID             string `json:"id"`
		PayoutsEnabled bool   `json:"payouts_enabled"`
		Capabilities   struct {
			Transfers string `json:"transfers"`
		} `json:"capabilities"`
	}
	if err := r.object(&a); err != nil {
		return Report{}, err
	}
	if a.ID == "" {
		return Report{}, refuse(track.BadRequest, "data.object.id", "is missing")
	}
	return Report{Payee: &Payee{Account: a.ID, Ready: a.PayoutsEnabled && a.Capabilities.Transfers == "active"}}, nil
}
