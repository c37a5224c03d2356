"""The only SQL of the project: schema, migrations, and one store per stored thing. Every function takes an asyncpg connection."""
