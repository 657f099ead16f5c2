//! Words of the documents as types. A word that this version does not know is kept as it came: no document is lost over it,
//! and whoever passes the document on passes the word on too.

/// Reads, writes and shows a type as the word that `as_str` gives and `From<&str>` takes; without a word it is the empty one.
macro_rules! as_word {
    ($name:ident) => {
        impl Default for $name {
            fn default() -> Self {
                Self::from("")
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
                into.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let word = <String as serde::Deserialize>::deserialize(from)?;
                Ok(Self::from(word.as_str()))
            }
        }
    };
}

/// Types that are one of a few words each.
macro_rules! words {
    ($(
        $(#[doc = $about:literal])+
        $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }
    )+) => { $(
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name {
            $( $(#[doc = $doc])+ $variant, )+
            /// A word that only a later version knows; the empty one where nothing is said yet.
            Other(String),
        }

        impl $name {
            /// The word in documents.
            pub fn as_str(&self) -> &str {
                match self {
                    $( $name::$variant => $word, )+
                    $name::Other(word) => word,
                }
            }
        }

        impl From<&str> for $name {
            fn from(word: &str) -> Self {
                match word {
                    $( $word => $name::$variant, )+
                    other => $name::Other(other.to_string()),
                }
            }
        }

        $crate::cluster::word::as_word!($name);
    )+ };
}

pub(crate) use {as_word, words};
