"""Records a real source through a proxy and anonymises what it answered, for `fivetran_emulator.practice.recorded` to serve."""
