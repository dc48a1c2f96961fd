"""The commands of `fivetran-emulator`: their arguments, and what each of them does."""
