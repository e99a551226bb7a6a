package schema

import "time"

// Conversion holds the content of a conversion that was reported lately, by its id: what a redirector tells a repeat
// by that differs. It is a quick answer only; the facts decide.
func (k Keys) Conversion(id string) string { return k.Prefix + "conversion:" + id }

// ConversionLife is how long Conversion is kept: as long as payment processors deliver an event again.
const ConversionLife = 72 * time.Hour
