//! Group keys. MS-GKDI.
