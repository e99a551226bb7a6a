package schema

// ConversionKinds lists the kinds of conversions.
func ConversionKinds() []ConversionKind {
	return []ConversionKind{Lead, Sale, Refund, Restored, Deferred}
}

// ConversionSources lists the sources of conversions.
func ConversionSources() []ConversionSource {
	return []ConversionSource{SourceAPI, SourceBrowser, SourcePostback, SourceStripe, SourceShopify, SourceImport, SourceShell}
}

// ClickStates lists the states of a reported click id.
func ClickStates() []ClickState {
	return []ClickState{ClickNone, ClickGenuine, ClickForged, ClickMalformed}
}
