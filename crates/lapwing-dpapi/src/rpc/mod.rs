//! The GetKey call over DCE/RPC, without sockets. MS-GKDI section 3; MS-RPCE; C706.
