"""RotNet, OPCNet and the feature line (EmoDiffTalk 3.2, Dynamic Appearance Decoder)."""
