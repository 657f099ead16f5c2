//! The macro that makes everything out of the table of keys.

/// Makes of one table of keys: the types of the configuration, the list of its [keys](super::key::Key), the reader, the
/// comparison of two configurations, and what takes over the changes that a running pod follows.
///
/// A row is `field: Type = entry, "meaning";` and a section `field: struct Type "meaning" { rows }`. A field whose key is
/// spelled in another way than the field has the key in brackets: `primary_port("primaryPort")`. An entry
/// ([`Entry`](super::entry::Entry)) says how the value is read and what stands for it when it is missing; it fits the
/// field's type or does not compile.
macro_rules! configuration {
    (
        $(#[doc = $config_doc:literal])+
        $config:ident {
            $(
                $field:ident $( : $type:ty = $entry:expr, $doc:literal; )?
                $( : struct $section:ident $section_doc:literal {
                    $( $leaf:ident $( ($leaf_name:literal) )? : $leaf_type:ty = $leaf_entry:expr, $leaf_doc:literal; )+
                } )?
            )+
        }
    ) => {
        $(#[doc = $config_doc])+
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[cfg_attr(test, derive(serde::Serialize))]
        pub struct $config {
            $( $( #[doc = $doc] )? $( #[doc = $section_doc] )? pub $field: $( $type )? $( $section )?, )+
        }

        $( $(
            #[doc = $section_doc]
            #[derive(Clone, Debug, PartialEq, Eq)]
            #[cfg_attr(test, derive(serde::Serialize))]
            pub struct $section {
                $(
                    #[doc = $leaf_doc]
                    $( #[cfg_attr(test, serde(rename = $leaf_name))] )?
                    pub $leaf: $leaf_type,
                )+
            }
        )? )+

        /// The configuration while single values may still be missing.
        pub(super) mod draft {
            use super::*;

            pub(in crate::config) struct $config {
                $( pub $field: $( <$type as Field>::Draft )? $( $section )?, )+
            }

            $( $(
                pub(in crate::config) struct $section {
                    $( pub $leaf: <$leaf_type as Field>::Draft, )+
                }
            )? )+
        }

        /// Every key of the table.
        pub(super) const KEYS: Keys = Keys(&[ $(
            $( &[key!($field, $type, $entry, $doc)] )?
            $( &[$( key!($field . $leaf $( $leaf_name )?, $leaf_type, $leaf_entry, $leaf_doc) ),+] )?
        ),+ ]);

        impl draft::$config {
            /// Reads every key; what is wrong with a single one is reported to the reader.
            pub(super) fn read(r: &mut Reader) -> Self {
                draft::$config { $(
                    $field: $( read!(r, key!($field, $type, $entry, $doc), $type, $entry) )?
                        $( draft::$section { $(
                            $leaf: read!(
                                r,
                                key!($field . $leaf $( $leaf_name )?, $leaf_type, $leaf_entry, $leaf_doc),
                                $leaf_type,
                                $leaf_entry
                            ),
                        )+ } )?,
                )+ }
            }

            /// The configuration, when nothing that it needs is missing.
            pub(super) fn finish(self) -> Option<$config> {
                Some($config { $(
                    $field: $( <$type as Field>::finish(self.$field)? )?
                        $( $section { $( $leaf: <$leaf_type as Field>::finish(self.$field.$leaf)?, )+ } )?,
                )+ })
            }
        }

        impl $config {
            /// What differs between `self` and `new`: for every key in turn, the dotted names below it.
            pub(super) fn changes(&self, new: &Self) -> Vec<(&'static Key, Vec<String>)> {
                let mut changes = Vec::new();
                $(
                    $( compare!(changes, key!($field, $type, $entry, $doc), self.$field, new.$field); )?
                    $( $( compare!(
                        changes,
                        key!($field . $leaf $( $leaf_name )?, $leaf_type, $leaf_entry, $leaf_doc),
                        self.$field.$leaf,
                        new.$field.$leaf
                    ); )+ )?
                )+
                changes
            }

            /// Takes over from `new` the values of all keys that a running pod follows.
            pub fn follow(&mut self, new: &Self) { $(
                $( follow!(key!($field, $type, $entry, $doc), self.$field, new.$field); )?
                $( $( follow!(
                    key!($field . $leaf $( $leaf_name )?, $leaf_type, $leaf_entry, $leaf_doc),
                    self.$field.$leaf,
                    new.$field.$leaf
                ); )+ )?
            )+ }
        }
    };
}

/// The key of a row, as a constant expression.
macro_rules! key {
    ($field:ident, $type:ty, $entry:expr, $doc:literal) => {
        key!(@name stringify!($field), $type, $entry, $doc)
    };
    ($section:ident . $leaf:ident, $type:ty, $entry:expr, $doc:literal) => {
        key!(@name concat!(stringify!($section), ".", stringify!($leaf)), $type, $entry, $doc)
    };
    ($section:ident . $leaf:ident $name:literal, $type:ty, $entry:expr, $doc:literal) => {
        key!(@name concat!(stringify!($section), ".", $name), $type, $entry, $doc)
    };
    (@name $name:expr, $type:ty, $entry:expr, $doc:literal) => {
        const {
            const ENTRY: Entry<$type> = $entry;
            ENTRY.key($name, $doc)
        }
    };
}

macro_rules! read {
    ($reader:ident, $key:expr, $type:ty, $entry:expr) => {{
        const KEY: Key = $key;
        const ENTRY: Entry<$type> = $entry;
        <$type as Field>::read($reader, &KEY, &ENTRY.rule)
    }};
}

macro_rules! compare {
    ($into:ident, $key:expr, $old:expr, $new:expr) => {{
        const KEY: Key = $key;
        $into.push((&KEY, $old.changes(&$new, KEY.name)));
    }};
}

macro_rules! follow {
    ($key:expr, $old:expr, $new:expr) => {{
        const KEY: Key = $key;
        if matches!(KEY.change, Change::Live) {
            $old.clone_from(&$new);
        }
    }};
}

pub(super) use {compare, configuration, follow, key, read};
